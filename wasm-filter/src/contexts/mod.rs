//! The contexts that Envoy drives: the root contexts of a VM, and an HTTP context for each request. They decide nothing: they
//! pass a request to the gate or the seal, and the answer to Envoy.

mod gate;
mod root;
mod seal;

pub(crate) use root::FilterRootContext;

use proxy_wasm::types::Action;
use warrant::Denial;

use crate::{
    denial_response::DenialResponse,
    envoy::{self, NoAnswer},
};

/// Whether a request may go on. Until it passes, nothing of it goes on.
#[derive(Clone, Copy, Debug, Default)]
struct Passage {
    passed: bool,
}

impl Passage {
    /// The request passes.
    fn open(&mut self) -> Action {
        self.passed = true;
        self.action()
    }

    /// Answers the request instead.
    fn deny(&self, position: &str, response: &DenialResponse) -> Action {
        envoy::count(&format!("portcullis_{position}_denied_{}", response.denial().code().replace('-', "_")));
        if envoy::send_response(response).is_err() {
            envoy::log_error(&format!(
                "portcullis {position}: the proxy did not accept the denial; the request is stopped without an answer"
            ));
        }
        self.action()
    }

    /// For every later part of the request: if the body or trailers of a stopped request could go on, its headers would go
    /// on with them.
    const fn action(self) -> Action {
        if self.passed { Action::Continue } else { Action::Pause }
    }
}

fn internal(NoAnswer: NoAnswer) -> Denial {
    Denial::Internal
}
