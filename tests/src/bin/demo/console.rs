//! The console of the demo's server, for the reader's browser.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use portcullis_tests::programs;
use portcullis_tests::world::World;

/// A running `portcullis console`. It ends with the demo.
pub(crate) struct Console {
    child: Child,
    pub(crate) link: String,
}

impl Console {
    pub(crate) fn open(world: &World) -> Console {
        let mut command = Command::new(programs::portcullis());
        command.arg("console").arg("--config").arg(world.home.file("portcullis.yaml")).stdout(Stdio::piped());
        let mut child = command.spawn().expect("portcullis console can be started");
        let printed = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let mut words = printed.map_while(Result::ok);
        let link = words.find_map(|line| line.trim().starts_with("http://").then(|| line.trim().to_owned()));
        Console { child, link: link.expect("portcullis console prints its link") }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
