//! What is burned stays burned until it expires; nobody's items push out another's; and an item takes little memory.

use warrant::Burn;

use super::*;

fn link(path: &str, max: u32, exp: u64) -> Burn {
    Burn { iss: "https://a".into(), path: path.into(), max, exp: Seconds::new(exp) }
}

/// A decision's id.
fn id(n: u8) -> String {
    DecisionBytes([n; 16]).to_id().unwrap()
}

fn burn_as(
    table: &BurnTable,
    links: &[Burn],
    now: u64,
    (n, root, source): (u8, &str, &str),
) -> Result<BurnedItems, NotBurned> {
    let root = RootTag::named("https://a", root);
    let burn_for = BurnFor { decision: &id(n), root, source };
    table.burn(Wanted::of(links, None), Seconds::new(now), burn_for)
}

fn burn(table: &BurnTable, links: &[Burn], now: u64, n: u8) -> Result<BurnedItems, NotBurned> {
    burn_as(table, links, now, (n, "r", "10.0.0.1"))
}

fn replayed(n: u8) -> Result<BurnedItems, NotBurned> {
    Err(NotBurned::Replayed { first: Some(id(n)) })
}

#[test]
fn a_use_is_burned_once_and_the_refusal_names_the_first_decision() {
    let table = BurnTable::default();
    assert!(burn(&table, &[link("r", 1, 20)], 10, 1).is_ok());
    assert_eq!(burn(&table, &[link("r", 1, 20)], 10, 2), replayed(1));
    assert_eq!(table.burned_by(&Wanted::of(&[link("r", 1, 20)], None)), replayed(1).err());
    assert_eq!(table.burned_by(&Wanted::of(&[link("s", 1, 20)], None)), None);
}

#[test]
fn a_refused_decision_burns_nothing() {
    let table = BurnTable::default();
    burn(&table, &[link("r", 1, 20)], 10, 1).unwrap();
    assert!(burn(&table, &[link("s", 1, 20), link("r", 1, 20)], 10, 2).is_err());
    assert!(burn(&table, &[link("s", 1, 20)], 10, 3).is_ok(), "the refused decision burned nothing");
}

#[test]
fn ten_children_of_a_once_only_root_share_its_one_use() {
    let table = BurnTable::default();
    let allowed = (0..10)
        .filter(|n| burn(&table, &[link("r", 1, 20), link(&format!("r/c{n}"), 1, 20)], 10, 1).is_ok())
        .count();
    assert_eq!(allowed, 1);
}

#[test]
fn many_at_once_never_exceed_the_limit() {
    let table = BurnTable::default();
    let allowed = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if burn(&table, &[link("r", 100, 20)], 10, 1).is_ok() {
                        allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 100);
}

#[test]
fn an_expired_item_is_forgotten_and_not_a_second_sooner() {
    let table = BurnTable::default();
    burn(&table, &[link("r", 1, 20)], 10, 1).unwrap();
    assert!(burn(&table, &[link("r", 1, 20)], 20, 1).is_err());
    burn(&table, &[link("other", 1, 140)], 20 + KEPT_AFTER_EXPIRY_SECONDS, 1).unwrap();
    assert_eq!(table.len(), 2);
    burn(&table, &[link("third", 1, 140)], 21 + KEPT_AFTER_EXPIRY_SECONDS, 1).unwrap();
    assert_eq!(table.len(), 2);
}

#[test]
fn a_decision_that_read_its_clock_before_another_one_forgot_still_finds_what_is_burned() {
    let table = BurnTable::default();
    burn(&table, &[link("r", 1, 20)], 10, 1).unwrap();
    // Both run at once: the second read 20; the other one read 21 and burns first.
    burn(&table, &[link("other", 1, 40)], 21, 2).unwrap();
    assert_eq!(burn(&table, &[link("r", 1, 20)], 20, 3), replayed(1));
}

#[test]
fn what_the_ledger_recorded_is_burned() {
    let table = BurnTable::default();
    let recorded = |path: &str, until| BurnedItem::Link {
        iss: "https://a".into(),
        path: path.into(),
        until: Seconds::new(until),
    };
    let root = RootTag::named("https://a", "r");
    table.restore_recorded(&recorded("long-over", 20), Seconds::new(10), root, &id(1));
    table.restore_recorded(&recorded("r", 1020), Seconds::new(1000), root, &id(2));
    assert_eq!(table.len(), 1);
    assert_eq!(burn(&table, &[link("r", 1, 1020)], 1000, 3), replayed(2));
}

#[test]
fn a_name_that_is_used_again_with_a_later_expiry_is_remembered_until_then() {
    let table = BurnTable::default();
    burn(&table, &[link("r", 2, 100)], 10, 1).unwrap();
    burn(&table, &[link("r", 2, 1000)], 10, 2).unwrap();
    let after_the_first = 101 + KEPT_AFTER_EXPIRY_SECONDS;
    assert_eq!(burn(&table, &[link("r", 2, 1000)], after_the_first, 3), replayed(2));
    assert_eq!(burn(&table, &[link("r", 2, 1000)], after_the_first + 1, 4), replayed(2));
    burn(&table, &[link("other", 1, 3000)], 1001 + KEPT_AFTER_EXPIRY_SECONDS, 5).unwrap();
    assert_eq!(table.len(), 1, "then it is forgotten");
}

#[test]
fn thousands_that_expire_together_are_forgotten_by_many_decisions_and_each_slot_is_used_again() {
    let table = BurnTable::default();
    for n in 0..5_000 {
        burn(&table, &[link(&format!("a{n}"), 1, 20)], 10, 1).unwrap();
    }
    for n in 0..5_000 {
        burn(&table, &[link(&format!("b{n}"), 1, 500)], 100, 2).unwrap();
        assert_eq!(burn(&table, &[link(&format!("b{n}"), 1, 500)], 100, 3), replayed(2));
    }
    assert_eq!(table.len(), 5_000);
    assert!((0..5_000).all(|n| burn(&table, &[link(&format!("b{n}"), 1, 500)], 100, 4) == replayed(2)));
}

/// A small table, so that a test can fill it.
fn small() -> BurnTable {
    BurnTable::with_room(Room { all: 100, root: 10, source: 30 })
}

/// Burns this many new items for a root and a source, and returns the first refusal.
fn fill(table: &BurnTable, items: usize, root: &str, source: &str) -> Result<(), NotBurned> {
    (0..items).try_for_each(|n| {
        burn_as(table, &[link(&format!("{root}/{n}"), 1, 20)], 10, (1, root, source)).map(drop)
    })
}

#[test]
fn a_root_that_filled_its_share_is_refused_alone() {
    let table = small();
    assert_eq!(fill(&table, 10, "greedy", "10.0.0.1"), Ok(()));
    let more = |path: &str| burn_as(&table, &[link(path, 1, 20)], 10, (2, "greedy", "10.0.0.2"));
    assert_eq!(more("greedy/new"), Err(NotBurned::Full(Full::ShareOfRoot)));
    assert_eq!(more("greedy/3"), replayed(1), "what it burned stays burned");
    assert_eq!(
        fill(&table, 5, "other", "10.0.0.1"),
        Ok(()),
        "another root goes on, from the same source too"
    );
    // Its items expire: then it has its share again.
    let later = 21 + KEPT_AFTER_EXPIRY_SECONDS;
    assert!(burn_as(&table, &[link("greedy/new", 1, 200)], later, (3, "greedy", "10.0.0.1")).is_ok());
}

#[test]
fn a_source_that_filled_its_share_is_refused_alone() {
    let table = small();
    for root in ["a", "b", "c"] {
        assert_eq!(fill(&table, 10, root, "2001:db8::1"), Ok(()));
    }
    assert_eq!(fill(&table, 1, "d", "2001:db8::2"), Err(NotBurned::Full(Full::ShareOfSource)));
    assert_eq!(fill(&table, 1, "d", "2001:db8:0:1::1"), Ok(()));
    assert_eq!(fill(&table, 1, "e", "spiffe://shop/ns/a"), Ok(()));
}

#[test]
fn a_full_table_refuses_new_items_and_still_counts_those_it_has() {
    let table = small();
    let table_links = [link("twice", 2, 20)];
    burn_as(&table, &table_links, 10, (1, "twice", "s")).unwrap();
    for n in 0..9 {
        assert_eq!(fill(&table, 10, &format!("r{n}"), &format!("s{n}")), Ok(()));
    }
    assert_eq!(fill(&table, 9, "last", "s"), Ok(()));
    assert_eq!(table.len(), 100);
    assert_eq!(fill(&table, 1, "one more", "t"), Err(NotBurned::Full(Full::Table)));
    assert!(burn_as(&table, &table_links, 10, (2, "twice", "s")).is_ok(), "its second use needs no room");
    assert_eq!(burn_as(&table, &table_links, 10, (3, "twice", "s")), replayed(2));
}

#[test]
fn a_decision_that_burns_more_than_what_is_left_of_a_share_burns_nothing() {
    let table = small();
    fill(&table, 8, "r", "s").unwrap();
    let three = ["r/x", "r/y", "r/z"].map(|path| link(path, 1, 20));
    assert_eq!(burn_as(&table, &three, 10, (2, "r", "s")), Err(NotBurned::Full(Full::ShareOfRoot)));
    assert_eq!(table.len(), 8);
}

#[test]
fn an_item_takes_at_most_100_bytes_with_everything_that_finds_it() {
    let items = 100_000_u64;
    let mut table = None;
    // Names as long as they can be in a warrant: they must not matter.
    let long = "j".repeat(500);
    let used = allocation_counter::measure(|| {
        let room = Room { all: 100_000, root: u32::MAX, source: u32::MAX };
        let filled = BurnTable::with_room(room);
        for n in 0..items {
            let (root, source) = (format!("root-{n}"), format!("10.0.{}.{}", n / 250, n % 250));
            let links = [link(&format!("{root}/{long}"), 1, 1_000 + n % 3_600)];
            burn_as(&filled, &links, 10, (1, &root, &source)).unwrap();
        }
        assert_eq!(filled.len(), 100_000);
        table = Some(filled);
    });
    // The counters of the shares have the same size for any number of items, so they are not part of an item.
    let fixed = allocation_counter::measure(|| drop((CountByOwner::default(), CountByOwner::default())));
    let each = (used.bytes_current.unsigned_abs() - fixed.bytes_max) / items;
    println!("{each} bytes an item, and {} bytes for the shares", fixed.bytes_max);
    assert!((72..=100).contains(&each), "{each} bytes an item");
    drop(table);
}

#[test]
#[ignore = "fills the whole table: cargo test --release --workspace --lib -- --ignored a_full_table_takes --nocapture"]
fn a_full_table_takes_less_than_200_megabytes() {
    let mut table = None;
    let began = std::time::Instant::now();
    let used = allocation_counter::measure(|| {
        let filled = BurnTable::default();
        for n in 0..2_000_000 {
            let (root, source) = (format!("root-{n}"), format!("10.{}.{}.1", n / 250 / 250, n / 250 % 250));
            burn_as(&filled, &[link(&root, 1, 1_000 + n % 3_600)], 10, (1, &root, &source)).unwrap();
        }
        table = Some(filled);
    });
    let took = began.elapsed() / 2_000_000;
    println!("{} bytes now, {} at most, {took:?} a burn", used.bytes_current, used.bytes_max);
    assert!(used.bytes_max < 200_000_000);
}
