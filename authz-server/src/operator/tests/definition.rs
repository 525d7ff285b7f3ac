//! The definition of GovernedRoute in the chart is the one that the code makes.

use policy::authoring::{crd, yaml_lines};

use crate::made_page;

#[test]
fn the_chart_has_the_definition_that_the_code_makes() {
    let mut text = String::from(
        "# Made from the code: WRITE_DOCS=1 cargo test --package authz-server --lib -- the_chart_has\n",
    );
    for line in yaml_lines(&crd()) {
        text.push_str(&line);
        text.push('\n');
    }
    made_page::assert_is_source("k8s/chart/files/crd-governedroutes.yaml", &text);
}
