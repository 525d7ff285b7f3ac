//! Prints the results, and writes them to `benches/RESULTS.md` and `benches/charts/`.

use portcullis_tests::programs::repository;
use portcullis_tests::signed_bundles::write;

use crate::charts;
use crate::promises::{self, Bound, Promise};
use crate::results::{Curve, Figure, Measured, Results};
use crate::statistics::Spread;

/// The tables, as a person reads them on a terminal and in Markdown alike.
#[must_use]
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    if !results.contenders.is_empty() {
        text.push_str(&contenders(results));
    }
    for curve in &results.curves {
        text.push_str(&format!("\n### {}\n\n{}", curve.title, curve_table(curve)));
    }
    text.push_str(&format!("\n## What was promised, what was measured\n\n{}", promised(results)));
    text
}

/// Writes them with the machine's description and the charts.
///
/// # Panics
/// When the repository cannot be written.
pub fn write_all(results: &Results) {
    let folder = repository().join("benches");
    let lines = |list: &[(&str, String)]| -> String {
        list.iter().map(|(name, value)| format!("- {name}: {value}\n")).collect()
    };
    let mut text = String::from(
        "# Results\n\nWritten by `./dev bench --write`; do not edit. All figures are of one run. Only the ratios are valid on another machine.\n",
    );
    text.push_str(&format!("\n{}\n{}", lines(&results.machine), lines(&results.method)));
    // Those of curves have charts of their own.
    let side_by_side: Vec<Measured> =
        results.contenders.iter().filter(|one| !one.for_a_curve).cloned().collect();
    if !side_by_side.is_empty() {
        write(&folder.join("charts/contenders.svg"), charts::bars(&side_by_side).as_bytes());
        text.push_str("\n![What a request costs](charts/contenders.svg)\n");
    }
    for curve in &results.curves {
        let file = format!("charts/{}.svg", curve.file);
        write(&folder.join(&file), charts::lines(curve).as_bytes());
        text.push_str(&format!("\n![{}]({file})\n", curve.title));
    }
    text.push('\n');
    text.push_str(&tables(results));
    write(&folder.join("RESULTS.md"), text.as_bytes());
}

/// A row of a Markdown table.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn header(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let rule: Vec<String> =
        names.iter().enumerate().map(|(n, _)| if n == 0 { "---" } else { "---:" }.to_owned()).collect();
    [row(&names), row(&rule)].concat()
}

fn shown(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{spread:.digits$}"))
}

fn contenders(results: &Results) -> String {
    let mut text = String::from(
        "\n## What a request costs\n\nProcessor time in microseconds a request, and times of the client in microseconds: the median of the rounds, and the lowest \
         and the highest.\n\n",
    );
    text.push_str(&header(&[
        "",
        "Envoy",
        "server",
        "both",
        "p50",
        "p99",
        "p99.9",
        "a second",
        "MB Envoy",
        "MB server",
    ]));
    for Measured { name, series, .. } in &results.contenders {
        let has_server = series.rounds.iter().any(|round| round.server > 0.0);
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        let (of_envoy, of_server) =
            series.memory.map_or((None, None), |(envoy, server)| (Some(envoy), server));
        text.push_str(&row(&[
            format!("`{name}`"),
            shown(series.spread(|round| round.envoy), 1),
            if has_server { shown(series.spread(|round| round.server), 1) } else { "–".to_owned() },
            shown(series.spread(crate::measuring::Round::both), 1),
            shown(series.spread(|round| round.times.p50), 0),
            shown(series.spread(|round| round.times.p99), 0),
            shown(series.spread(|round| round.times.p999), 0),
            shown(series.spread(|round| round.rate), 0),
            of_envoy.map_or_else(|| "–".to_owned(), |memory| megabytes(memory.resident)),
            of_server.map_or_else(|| "–".to_owned(), |memory| megabytes(memory.resident)),
        ]));
    }
    let yardsticks = [
        ("one ES256 check with aws-lc", results.figure(Figure::Es256Check)),
        ("p99 of a lone write and fdatasync, between the rounds", results.figure(Figure::Sync)),
    ];
    for (name, spread) in yardsticks {
        if let Some(spread) = spread {
            text.push_str(&format!("\n{name}: {spread:.1} µs\n"));
        }
    }
    text.push('\n');
    for Measured { name, what, .. } in &results.contenders {
        text.push_str(&format!("- `{name}`: {what}\n"));
    }
    text
}

fn curve_table(curve: &Curve) -> String {
    let mut names = vec![curve.of_x];
    names.extend(curve.lines.iter().map(|line| line.name.as_str()));
    let mut text = header(&names);
    let xs = curve.lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x);
    let mut xs: Vec<f64> = xs.collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    for x in xs {
        let mut cells = vec![format!("{x}")];
        for line in &curve.lines {
            let point = line.points.iter().find(|(at, _)| *at == x).map(|(_, spread)| *spread);
            cells.push(shown(point, 1));
        }
        text.push_str(&row(&cells));
    }
    text.push_str(&format!("\n{}\n", curve.of_y));
    text
}

fn promised(results: &Results) -> String {
    let mut text = header(&["", "promised", "measured", ""]);
    for promise in promises::all(results) {
        let Promise { what, bound, measured, digits } = promise.clone();
        let number = |bound: f64| format!("{bound:.digits$}");
        let (promised, unit) = match bound {
            Bound::AtMost(bound, unit) => (format!("at most {}{unit}", number(bound)), unit),
            Bound::AtLeast(bound, unit) => (format!("at least {}{unit}", number(bound)), unit),
            Bound::None(unit) => ("–".to_owned(), unit),
        };
        let verdict = match promise.is_kept() {
            Some(true) => "kept",
            Some(false) => "**not reached**",
            None => "",
        };
        let measured = measured.map_or_else(
            || "not measured in this run".to_owned(),
            |spread| format!("{spread:.digits$}{unit}"),
        );
        text.push_str(&row(&[what.to_owned(), promised, measured, verdict.to_owned()]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_part_says_that_its_lines_were_not_measured() {
        let text = tables(&Results::default());
        assert!(text.contains("not measured in this run") && !text.contains("kept"), "{text}");
    }
}
