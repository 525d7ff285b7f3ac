//! Splits a policy text into words, only as exactly as its bounds need; comments are skipped, and a string is
//! one word.

/// A word and the byte at which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

/// The words of a text, up to the first place that cannot be read.
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

/// Longer ones first: `<=` is one word.
const SYMBOLS: &[&str] = &["&&", "||", "==", "!=", "<=", ">=", "::"];

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            let length = match first {
                _ if first.is_whitespace() => {
                    self.at = self.at.saturating_add(first.len_utf8());
                    continue;
                }
                '/' if rest.starts_with("//") => {
                    // A comment ends where Cedar's does: at either line end.
                    self.at = self.at.saturating_add(rest.find(['\n', '\r']).unwrap_or(rest.len()));
                    continue;
                }
                '"' => string(rest),
                _ if is_inside_a_name(first) => {
                    rest.find(|letter| !is_inside_a_name(letter)).unwrap_or(rest.len())
                }
                _ => SYMBOLS
                    .iter()
                    .find(|symbol| rest.starts_with(**symbol))
                    .map_or(first.len_utf8(), |symbol| symbol.len()),
            };
            let word = Word { at: self.at, text: rest.get(..length)? };
            self.at = self.at.saturating_add(length);
            return Some(word);
        }
    }
}

fn is_inside_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of the string that begins here. A string without an end goes to the end of the text; Cedar's
/// parser will report it.
fn string(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_hold_no_words() {
        let text = "a // (((\n\"b \\\" (\" && c::d<=1 // end";
        let found: Vec<_> = words(text).map(|word| word.text).collect();
        assert_eq!(found, ["a", "\"b \\\" (\"", "&&", "c", "::", "d", "<=", "1"]);
    }

    #[test]
    fn an_open_string_goes_to_the_end() {
        assert_eq!(words("x \"y (").map(|word| word.at).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(words("\"\\").count(), 1);
    }
}
