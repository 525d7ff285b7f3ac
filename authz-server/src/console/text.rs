//! Texts that somebody else chose: parts of requests, names of holders, reasons. They are shown as text, never as markup, and so that one
//! sees what is there: what would be invisible, or would turn the order of letters around, is written out.

use ledger::entry::RequestText;
use maud::{Markup, html};

/// In a list. The page of the thing itself shows all of it.
const IN_A_LIST: usize = 120;

/// The whole text.
pub(super) fn text(text: &str) -> Markup {
    html! { bdi.foreign { (pieces(text)) @if !text.is_ascii() { (has_other_letters()) } } }
}

/// A text with lines of its own, for `pre`.
pub(super) fn lines(long: &str) -> Markup {
    html! { @for line in long.lines() { (pieces(line)) "\n" } }
}

/// The beginning of a text.
pub(super) fn start_of(long: &str) -> Markup {
    match long.char_indices().nth(IN_A_LIST).and_then(|(end, _)| long.get(..end)) {
        None => text(long),
        Some(start) => html! { (text(start)) span.cut title="the beginning" { "…" } },
    }
}

/// A part of a request, which may have any bytes.
pub(super) fn of_request(part: &RequestText) -> Markup {
    let kept = part.kept();
    let shown = match std::str::from_utf8(kept) {
        Ok(kept) => text(kept),
        Err(_) => html! { span.escaped { "bytes " } code { @for byte in kept { (format!("{byte:02x}")) } } },
    };
    html! { (shown) @if part.whole().is_none() { span.cut { "… (only the beginning is on record)" } } }
}

/// Letters that look alike have fooled many.
fn has_other_letters() -> Markup {
    html! { " " span.note title="It has letters that are not ASCII, and some look like others." { "not ASCII" } }
}

fn pieces(text: &str) -> Markup {
    html! {
        @for part in text.split_inclusive(is_hidden) {
            @let hidden = part.chars().next_back().filter(|letter| is_hidden(*letter));
            (hidden.and_then(|hidden| part.strip_suffix(hidden)).unwrap_or(part))
            @if let Some(hidden) = hidden { span.escaped { (format!("\\u{{{:x}}}", u32::from(hidden))) } }
        }
    }
}

/// Controls, and what Unicode calls formats, separators and marks, which `escape_debug` knows; and letters without a shape.
fn is_hidden(letter: char) -> bool {
    const WITHOUT_A_SHAPE: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];
    let is_escaped = !matches!(letter, '"' | '\'' | '\\') && letter.escape_debug().len() > 1;
    is_escaped || WITHOUT_A_SHAPE.contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_could_not_see_is_written_out() {
        for (given, shown) in [
            ("/pay", "/pay"),
            ("a\u{202e}b", "a<span class=\"escaped\">\\u{202e}</span>b"),
            (
                "\u{0}\n\u{200b}",
                "<span class=\"escaped\">\\u{0}</span><span class=\"escaped\">\\u{a}</span><span class=\"escaped\">\\u{200b}</span>",
            ),
            ("<b title='x' \\>", "&lt;b title='x' \\&gt;"),
            ("", ""),
        ] {
            assert_eq!(pieces(given).into_string(), shown);
        }
        for hidden in [
            '\u{200e}',
            '\u{2066}',
            '\u{feff}',
            '\u{ad}',
            '\u{2028}',
            '\u{e0041}',
            '\u{85}',
            '\u{a0}',
            '\u{3000}',
            '\u{115f}',
            '\u{61c}',
        ] {
            assert!(is_hidden(hidden), "{:x}", u32::from(hidden));
        }
        for seen in ['a', ' ', 'ö', '漢', 'ع', '<', '"', '\\'] {
            assert!(!is_hidden(seen), "{seen}");
        }
    }

    #[test]
    fn a_long_text_is_cut_in_a_list_and_letters_that_look_alike_are_told() {
        assert!(start_of(&"ä".repeat(500)).into_string().contains("the beginning"));
        assert!(!start_of(&"a".repeat(IN_A_LIST)).into_string().contains("the beginning"));
        assert!(
            text("аgent").into_string().contains("not ASCII")
                && !text("agent").into_string().contains("not ASCII")
        );
        let bytes = of_request(&RequestText::from_bytes(b"\xff<")).into_string();
        assert!(bytes.contains("ff3c") && !bytes.contains('\u{fffd}'));
    }
}
