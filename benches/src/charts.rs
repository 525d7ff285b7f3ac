//! Draws charts as SVG. The colours follow the reader's choice of a light or a dark page. It knows figures, and not what they mean.

use crate::measuring::Round;
use crate::results::{Curve, Line, Measured};

const WIDTH: f64 = 860.0;
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}.muted{fill:#57606a}\
.grid{stroke:#d0d7de;stroke-width:1}path{fill:none;stroke-width:2}.spread{stroke-width:1}";
const STYLE_ON_DARK: &str = "text{fill:#e6edf3}.muted{fill:#9198a1}.grid{stroke:#30363d}";

/// Of lines and bars, on a light and on a dark page.
const COLOURS: [(&str, &str); 6] = [
    ("#0969da", "#58a6ff"),
    ("#bc4c00", "#f0883e"),
    ("#1a7f37", "#3fb950"),
    ("#8250df", "#bc8cff"),
    ("#cf222e", "#ff7b72"),
    ("#6e7781", "#8b949e"),
];

/// Not every reader of SVG knows variables in styles, so each colour is written out.
fn style() -> String {
    let of = |choose: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        let rule = |(n, colour): (usize, &str)| {
            format!(".c{n} path,.c{n} .spread{{stroke:{colour}}}.c{n} circle,.c{n} rect{{fill:{colour}}}")
        };
        COLOURS.iter().map(choose).enumerate().map(rule).collect()
    };
    let (light, dark) = (of(|(light, _)| light), of(|(_, dark)| dark));
    format!("{STYLE}{light}@media(prefers-color-scheme:dark){{{STYLE_ON_DARK}{dark}}}")
}

/// A chart with a line for each line of the curve. x is logarithmic, except where 0 is among its values: then it is by place.
#[must_use]
pub fn lines(curve: &Curve) -> String {
    let (left, right, top, bottom, height) = (70.0, 210.0, 72.0, 60.0, 440.0);
    let xs = values(curve);
    let highest = curve.lines.iter().flat_map(|line| &line.points).map(|(_, spread)| spread.highest);
    let (step, most) = scale(highest.fold(0.0, f64::max));
    let x_of = |x: f64| left + (WIDTH - left - right) * place(&xs, x);
    let y_of = |y: f64| height - bottom - (height - top - bottom) * y / most;
    let mut drawn = vec![text(16.0, 26.0, "title", "start", curve.title)];
    let mut y = 0.0;
    while y <= most + step / 2.0 {
        drawn.push(format!(
            "<line class=\"grid\" x1=\"{left}\" y1=\"{0:.1}\" x2=\"{1:.1}\" y2=\"{0:.1}\"/>",
            y_of(y),
            WIDTH - right
        ));
        drawn.push(text(left - 8.0, y_of(y) + 4.0, "muted", "end", &number(y)));
        y += step;
    }
    for x in &xs {
        drawn.push(text(x_of(*x), height - bottom + 20.0, "muted", "middle", &number(*x)));
    }
    drawn.push(text((left + WIDTH - right) / 2.0, height - 14.0, "", "middle", curve.of_x));
    drawn.push(text(16.0, 44.0, "muted", "start", curve.of_y));
    for (n, Line { name, points }) in curve.lines.iter().enumerate() {
        let at: Vec<(f64, f64)> = points.iter().map(|(x, spread)| (x_of(*x), y_of(spread.median))).collect();
        let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        drawn.push(format!("<g class=\"c{}\"><path d=\"M{}\"/>", n % COLOURS.len(), path.join(" L")));
        for ((x, spread), (at_x, at_y)) in points.iter().zip(&at) {
            let (low, high) = (y_of(spread.lowest), y_of(spread.highest));
            drawn.push(format!(
                "<line class=\"spread\" x1=\"{at_x:.1}\" y1=\"{low:.1}\" x2=\"{at_x:.1}\" y2=\"{high:.1}\"/>"
            ));
            drawn.push(format!(
                "<circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"4\"><title>{}: {} at {}</title></circle>",
                escaped(name),
                number(spread.median),
                number(*x)
            ));
        }
        let legend = top + 22.0 * n as f64;
        drawn.push(format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\"/></g>",
            WIDTH - right + 20.0,
            legend
        ));
        drawn.push(text(WIDTH - right + 40.0, legend + 11.0, "", "start", name));
    }
    document(height, curve.title, &drawn)
}

/// A bar for each contender: what a request costs Envoy, and beside it the server.
#[must_use]
pub fn bars(contenders: &[Measured]) -> String {
    let (left, right, top, row) = (160.0, 90.0, 64.0, 26.0);
    let height = top + row * contenders.len() as f64 + 20.0;
    let median = |one: &Measured, figure: fn(&Round) -> f64| {
        one.series.spread(figure).map_or(0.0, |spread| spread.median)
    };
    let most =
        contenders.iter().map(|one| median(one, |round| round.envoy) + median(one, |round| round.server));
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let title = "What a request costs: microseconds of processor time";
    let mut drawn = vec![text(16.0, 26.0, "title", "start", title)];
    for (n, name) in ["Envoy", "server"].into_iter().enumerate() {
        let x = left + 90.0 * n as f64;
        drawn.push(format!("<g class=\"c{n}\"><rect x=\"{x:.1}\" y=\"38\" width=\"12\" height=\"12\"/></g>"));
        drawn.push(text(x + 18.0, 49.0, "", "start", name));
    }
    for (n, one) in contenders.iter().enumerate() {
        let y = top + row * n as f64;
        let mut x = left;
        drawn.push(text(left - 10.0, y + 14.0, "", "end", one.name));
        let costs = [median(one, |round| round.envoy), median(one, |round| round.server)];
        for (colour, cost) in costs.into_iter().enumerate() {
            let width = (WIDTH - left - right) * cost / most;
            drawn.push(format!(
                "<g class=\"c{colour}\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"18\"/></g>"
            ));
            x += width;
        }
        drawn.push(text(x + 8.0, y + 14.0, "muted", "start", &number(costs.iter().sum())));
    }
    document(height, title, &drawn)
}

/// All values of x, in order.
fn values(curve: &Curve) -> Vec<f64> {
    let mut xs: Vec<f64> = curve.lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    xs
}

/// Where x is between the first value, 0, and the last one, 1.
fn place(xs: &[f64], x: f64) -> f64 {
    let (Some(first), Some(last)) = (xs.first(), xs.last()) else { return 0.0 };
    if first == last {
        return 0.5;
    }
    if *first <= 0.0 {
        let at = xs.iter().position(|one| *one == x).unwrap_or_default();
        return at as f64 / (xs.len() - 1) as f64;
    }
    (x / first).ln() / (last / first).ln()
}

/// A round step, and the lowest multiple of it that is not below the highest value.
fn scale(highest: f64) -> (f64, f64) {
    if highest <= 0.0 {
        return (1.0, 1.0);
    }
    let power = 10_f64.powf((highest / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| highest / step <= 6.0).unwrap_or(power * 10.0);
    (step, (highest / step).ceil() * step)
}

/// With as many digits as matter, and thousands apart.
fn number(value: f64) -> String {
    if value < 100.0 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let digits = format!("{value:.0}");
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    parts.join(",")
}

fn text(x: f64, y: f64, class: &str, anchor: &str, content: &str) -> String {
    let content = escaped(content);
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn document(height: f64, title: &str, drawn: &[String]) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>{}</style>\n{}\n</svg>\n",
        style(),
        drawn.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Spread;

    fn curve(xs: &[f64]) -> Curve {
        let point = |x: &f64| (*x, Spread { median: 10.0, lowest: 9.0, highest: 12.0 });
        let line = Line { name: "a <server> & more".to_owned(), points: xs.iter().map(point).collect() };
        Curve { file: "one", title: "one", of_x: "x", of_y: "y", lines: vec![line] }
    }

    #[test]
    fn a_chart_has_a_point_for_each_value_and_no_name_is_markup() {
        let drawn = lines(&curve(&[1.0, 4.0, 16.0]));
        assert_eq!(drawn.matches("<circle").count(), 3);
        assert!(drawn.contains("a &lt;server&gt; &amp; more") && !drawn.contains("<server>"));
        assert_eq!(drawn.matches("<g ").count(), drawn.matches("</g>").count());
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }

    #[test]
    fn values_are_logarithmic_or_by_their_place_if_0_is_among_them() {
        assert_eq!(place(&[1.0, 4.0, 16.0], 4.0), 0.5);
        assert_eq!(place(&[0.0, 10_000.0, 1_000_000.0], 10_000.0), 0.5);
        assert_eq!(place(&[7.0], 7.0), 0.5);
        assert_eq!(place(&[], 7.0), 0.0);
    }

    #[test]
    fn a_scale_has_round_steps_and_room_for_the_highest_value() {
        for highest in [0.003, 0.9, 7.0, 61.0, 100.0, 123_456.0] {
            let (step, most) = scale(highest);
            assert!(most >= highest && most / step <= 7.0, "{highest}: {step} {most}");
        }
        assert_eq!(scale(0.0), (1.0, 1.0));
        assert_eq!([number(0.0), number(12.5), number(1_234_567.0)], ["0", "12.5", "1,234,567"]);
    }

    #[test]
    fn a_dark_page_gets_colours_of_its_own() {
        let drawn = lines(&curve(&[1.0]));
        let (light, dark) = drawn.split_once("prefers-color-scheme:dark").unwrap();
        for (on_light, on_dark) in COLOURS {
            assert!(light.contains(on_light) && dark.contains(on_dark));
        }
    }

    #[test]
    fn nothing_and_one_point_can_be_drawn() {
        for xs in [&[][..], &[5.0], &[0.0]] {
            assert!(!lines(&curve(xs)).contains("NaN"));
        }
        assert!(!bars(&[]).contains("NaN"));
    }
}
