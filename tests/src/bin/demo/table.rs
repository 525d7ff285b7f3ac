//! The story as a table.

use crate::story::Row;

pub(crate) fn print(rows: &[Row]) {
    println!();
    println!("  {:<46} {:<7} {:<18} the upstream was", "what was tried", "answer", "denial");
    println!("  {:-<46} {:-<7} {:-<18} {:-<16}", "", "", "", "");
    for row in rows {
        let mark = if row.is_as_expected() { ' ' } else { '!' };
        let code =
            row.came.code.as_deref().unwrap_or(if row.came.status == 200 { "" } else { "(Envoy's own)" });
        let reached = if row.came.reached_upstream { "reached" } else { "not reached" };
        println!("{mark} {:<46} {:<7} {:<18} {reached}", row.tried, row.came.status, code);
    }
    println!();
}
