//! Checks the size and depth of a policy text before Cedar's parser sees it. On a small stack, that parser
//! aborts the process at 150 nested parentheses.

use super::lex::words;
use crate::strict::is_deceptive;

/// The maximum length of a policy text, in bytes.
const LONGEST: usize = 64 * 1024;
/// How deep brackets may be nested.
const DEEPEST: usize = 32;
/// Operators in one expression: a scope, a `when` or an `unless`.
const MOST_OPERATORS: usize = 256;
/// Policies in one document.
const MOST_POLICIES: usize = 64;

/// One thing that is wrong, at a byte of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) at: usize,
    pub(super) what: String,
    pub(super) instead: &'static str,
}

/// Where each policy of the text begins, or everything that exceeds the bounds.
pub(super) fn scan(text: &str) -> Result<Vec<usize>, Vec<Excess>> {
    if text.len() > LONGEST {
        let what = format!("the policy text has {} bytes, and the maximum is 64 KiB", text.len());
        return Err(vec![Excess { at: 0, what, instead: "split the route" }]);
    }
    let mut scan = Scan::default();
    if let Some((at, letter)) = text.char_indices().find(|(_, letter)| is_deceptive(*letter)) {
        scan.excess(
            at,
            format!(
                "the character U+{:04X}, which changes how the text looks but not what it means",
                u32::from(letter)
            ),
            "remove it",
        );
    }
    for word in words(text) {
        scan.take(word.at, word.text);
    }
    if scan.excesses.is_empty() { Ok(scan.starts) } else { Err(scan.excesses) }
}

#[derive(Default)]
struct Scan {
    excesses: Vec<Excess>,
    starts: Vec<usize>,
    is_inside_a_policy: bool,
    depth: usize,
    operators: usize,
    /// Each excess is reported once for an expression, not once for each word.
    is_reported: bool,
}

impl Scan {
    fn excess(&mut self, at: usize, what: String, instead: &'static str) {
        self.excesses.push(Excess { at, what, instead });
    }

    fn take(&mut self, at: usize, word: &str) {
        if !self.is_inside_a_policy {
            self.begin(at);
        }
        match word {
            "(" | "[" | "{" => self.depth = self.depth.saturating_add(1),
            ")" | "]" | "}" => self.depth = self.depth.saturating_sub(1),
            ";" if self.depth == 0 => {
                self.is_inside_a_policy = false;
                self.start_expression();
            }
            "when" | "unless" if self.depth == 0 => self.start_expression(),
            "?" => self.excess(
                at,
                "a template slot".to_owned(),
                "write the entity itself: templates are not supported",
            ),
            _ => {}
        }
        if is_operator(word) {
            self.operators = self.operators.saturating_add(1);
        }
        self.check_expression(at);
    }

    fn begin(&mut self, at: usize) {
        self.is_inside_a_policy = true;
        self.starts.push(at);
        if self.starts.len() == MOST_POLICIES.saturating_add(1) {
            self.excess(
                at,
                format!("more than {MOST_POLICIES} policies in one document"),
                "split the route, or combine some policies",
            );
        }
    }

    fn start_expression(&mut self) {
        self.operators = 0;
        self.is_reported = false;
    }

    fn check_expression(&mut self, at: usize) {
        if self.is_reported {
            return;
        }
        if self.depth > DEEPEST {
            self.excess(at, format!("brackets nested more than {DEEPEST} deep"), "flatten the expression");
            self.is_reported = true;
        }
        if self.operators > MOST_OPERATORS {
            self.excess(
                at,
                format!("more than {MOST_OPERATORS} operators in one expression"),
                "use a set and `contains`, or several policies",
            );
            self.is_reported = true;
        }
    }
}

fn is_operator(word: &str) -> bool {
    const OPERATORS: &[&str] = &[
        "&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "!", "in", "has", "like", "is", "if",
        ".", "[", "::",
    ];
    OPERATORS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excesses(text: &str) -> Vec<String> {
        scan(text)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|excess| format!("{}: {}", excess.at, excess.what))
            .collect()
    }

    fn permit(condition: &str) -> String {
        format!("permit (principal, action, resource) when {{ {condition} }};")
    }

    #[test]
    fn where_policies_begin() {
        assert_eq!(scan("// nothing\n").unwrap().len(), 0);
        assert_eq!(scan(" @id(\"a;b\")\npermit(principal, action, resource);\n// ;\nforbid(principal, action, resource) when { {a: 1}.a == 1 };").unwrap(), [1_usize, 54]);
    }

    #[test]
    fn brackets_at_most_32_deep() {
        let nested = |depth: usize| permit(&format!("{}1 == 1{}", "(".repeat(depth), ")".repeat(depth)));
        assert!(scan(&nested(31)).is_ok(), "the block of the condition is one more");
        assert_eq!(excesses(&nested(32)).len(), 1);
        assert!(excesses(&nested(150))[0].contains("32 deep"));
        assert!(scan(&permit(&format!("context.a == \"{}\"", "(".repeat(150)))).is_ok());
    }

    #[test]
    fn at_most_256_operators_in_an_expression() {
        let sum = |count: usize| permit(&format!("1{} > 0", " + 1".repeat(count)));
        assert!(scan(&sum(255)).is_ok());
        assert!(excesses(&sum(256))[0].contains("256 operators"));
        let two = format!(
            "permit (principal, action, resource) when {{ 1{0} > 0 }} unless {{ 1{0} > 0 }};",
            " + 1".repeat(200)
        );
        assert!(scan(&two).is_ok(), "each expression is counted separately");
        assert!(
            excesses(&format!(
                "permit (principal, action in [{}], resource);",
                "Action::\"a\", ".repeat(300)
            ))[0]
                .contains("operators")
        );
    }

    #[test]
    fn at_most_64_policies_and_64_kib() {
        let one = "permit (principal, action, resource);\n";
        assert_eq!(scan(&one.repeat(64)).unwrap().len(), 64);
        assert!(excesses(&one.repeat(65))[0].contains("64 policies"));
        assert!(scan(&format!("//{}", "x".repeat(64 * 1024 - 2))).is_ok());
        assert!(excesses(&format!("//{}", "x".repeat(64 * 1024 - 1)))[0].contains("bytes"));
        assert!(excesses(&"x".repeat(1024 * 1024))[0].contains("bytes"));
    }

    #[test]
    fn no_slots_and_no_invisible_characters() {
        assert_eq!(excesses("forbid (principal == ?principal, action, resource);"), ["21: a template slot"]);
        assert!(scan("forbid (principal, action, resource) when { context.args.a == \"?\" };").is_ok());
        for letter in ['\u{202e}', '\u{2066}', '\u{200f}', '\u{0}', '\u{7f}', '\u{85}'] {
            assert_eq!(excesses(&format!("// {letter}")).len(), 1, "{letter:?}");
        }
        assert!(scan("// caf\u{e9}\t\r\n").is_ok());
    }
}
