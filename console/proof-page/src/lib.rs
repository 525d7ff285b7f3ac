//! The verifier as a server hands it out, and the page with a proof that needs no server.
//!
//! The page is one file with everything inside: the Wasm module, the script, the style and the proof. Its policy permits
//! exactly this script and this style, and no request to anywhere. It has no key: the person enters that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use content_digest::Digest;

/// The verifier as a Wasm module.
pub const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/portcullis_verifier.wasm"));

/// The ES module that loads the Wasm module, calls it, and has the words for its answers.
pub const SCRIPT: &str = include_str!("../assets/verifier.js");

const PAGE: &str = include_str!("../assets/page.html");
const PAGE_SCRIPT: &str = include_str!("../assets/page.js");
const PAGE_STYLE: &str = include_str!("../assets/page.css");

/// The page that checks this proof.
#[must_use]
pub fn page(proof: &str) -> String {
    let script = format!("\n{SCRIPT}\n{PAGE_SCRIPT}");
    let parts = [
        ("SCRIPT_HASH", source_hash(&script)),
        ("STYLE_HASH", source_hash(PAGE_STYLE)),
        ("STYLE", PAGE_STYLE.to_owned()),
        ("PROOF", as_text(proof)),
        ("MODULE", STANDARD.encode(MODULE)),
        ("SCRIPT", script),
    ];
    let mut page = String::with_capacity(MODULE.len().saturating_mul(2));
    let mut rest = PAGE;
    // Each part is put in once, and never read for more marks: a proof may contain anything.
    while let Some((before, mark, after)) = next_mark(rest) {
        page.push_str(before);
        let part = parts.iter().find(|(name, _)| *name == mark);
        page.push_str(part.map_or("", |(_, text)| text));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// The text before the next `{{MARK}}`, the mark and the text after it.
fn next_mark(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (mark, after) = rest.split_once("}}")?;
    Some((before, mark, after))
}

/// The hash by which a content security policy names an inline source.
fn source_hash(source: &str) -> String {
    STANDARD.encode(Digest::of(source.as_bytes()).bytes())
}

/// As text in a page, whatever the characters are.
fn as_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_part_and_its_policy_permits_exactly_its_own_script_and_style() {
        let page = page("a proof");
        assert!(!page.contains("{{"), "a mark is left");
        let script =
            page.split("<script type=\"module\">").nth(1).unwrap().split("</script>").next().unwrap();
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        for (what, source) in [("script-src", script), ("style-src", style)] {
            assert!(page.contains(&format!("{what} 'sha256-{}'", source_hash(source))), "{what}");
        }
        assert!(!page.contains("unsafe-inline") && !page.contains("http:") && !page.contains("https:"));
    }

    #[test]
    fn nothing_in_a_proof_becomes_markup_or_another_part() {
        let page = page("</textarea><script>{{MODULE}}</script>&lt;");
        assert!(page.contains("&lt;/textarea&gt;&lt;script&gt;{{MODULE}}&lt;/script&gt;&amp;lt;"));
        assert_eq!(page.matches("<script").count(), 2);
    }

    #[test]
    fn no_script_ends_its_own_element_or_reads_a_text_as_code_or_markup() {
        for text in [SCRIPT, PAGE_SCRIPT] {
            for banned in
                ["</script", "<!--", "innerHTML", "eval(", "Function(", "localStorage", "document.write"]
            {
                assert!(!text.contains(banned), "{banned}");
            }
        }
    }
}
