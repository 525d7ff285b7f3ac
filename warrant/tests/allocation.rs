//! An unsigned input never costs more memory than its own size. Counts every byte that is allocated while garbage is
//! refused, even if it is freed again.

#![allow(clippy::print_stdout, reason = "tests say what they measured")]

mod common;

use warrant::{PresentedProof, PresentedWarrant};

fn allocated_by(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).bytes_total
}

#[test]
fn refusing_garbage_allocates_no_more_than_its_own_size() {
    assert!(allocated_by(|| drop(vec![0_u8; 100])) >= 100, "allocations are counted");
    for (shape, garbage) in common::garbage::shapes().into_iter().chain(common::garbage::dense()) {
        let of_warrant = allocated_by(|| assert!(PresentedWarrant::parse(&garbage).is_err()));
        let of_proof = allocated_by(|| assert!(PresentedProof::parse(&garbage).is_err()));
        println!("{shape}: {} bytes of garbage, {of_warrant} bytes allocated", garbage.len());
        let most = u64::try_from(garbage.len()).unwrap_or_default();
        assert!(of_warrant <= most && of_proof <= most, "{shape}: {of_warrant} and {of_proof} bytes");
    }
}
