//! A group commit without entries, hashes or checks: it copies, writes, syncs and acknowledges bytes. The ledger is compared with it by
//! this crate's own bench and by `./dev bench`, which both include this file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;

/// The size of the file that is written again and again.
pub(crate) const ZEROS: usize = 64 << 20;

/// Runs `calls` with a function that returns when so many bytes are durable. Threads may call it at once.
pub(crate) fn with<T>(directory: &Path, bytes: usize, calls: impl FnOnce(&(dyn Fn(usize) + Sync)) -> T) -> T {
    type PendingWrite = (Vec<u8>, mpsc::SyncSender<()>);
    let (sender, receiver) = mpsc::channel::<PendingWrite>();
    let path = directory.join("plain-group-commit");
    let file = zeros(&path);
    let writer = std::thread::spawn(move || {
        let mut at = 0;
        while let Ok(first) = receiver.recv() {
            let batch: Vec<PendingWrite> =
                std::iter::once(first).chain(receiver.try_iter().take(1023)).collect();
            let frame: Vec<u8> = batch.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
            at = if at + frame.len() > ZEROS { 0 } else { at };
            file.write_all_at(&frame, at as u64).and_then(|()| file.sync_data()).expect("a write");
            at += frame.len();
            batch.into_iter().for_each(|(_, done)| done.send(()).expect("somebody waits"));
        }
    });
    let result = calls(&|_| {
        let (done, answer) = mpsc::sync_channel(1);
        sender.send((vec![7; bytes], done)).expect("the writer runs");
        answer.recv().expect("an answer");
    });
    drop(sender);
    writer.join().expect("no panic");
    std::fs::remove_file(&path).expect("its own file");
    result
}

/// A durable file of zeros: to write into it changes no metadata that a sync would have to wait for.
pub(crate) fn zeros(path: &Path) -> File {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).expect("a new file");
    let piece = vec![0; 1 << 20];
    (0..ZEROS >> 20).for_each(|n| file.write_all_at(&piece, (n << 20) as u64).expect("room on the disk"));
    file.sync_all().expect("a sync");
    file
}
