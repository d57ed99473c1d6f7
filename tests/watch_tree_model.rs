//! A tree in which directories come, move and go at random is watched as it is in the end.
#![cfg(target_os = "linux")]

mod util;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use unspin::fs::{WatchKind, WatchOptions};
use util::net::{beside, run};
use util::watch::Place;

/// Random numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }

    fn pick(&mut self, all: &[PathBuf]) -> PathBuf {
        all[self.roll(all.len())].clone()
    }
}

/// The root, and all directories below it; an error if they change meanwhile.
fn directories(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next).cloned() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(found)
}

fn change(root: &Path, dice: &mut Dice) {
    let all = directories(root).expect("nobody else changes it");
    let (one, other) = (dice.pick(&all), dice.pick(&all));
    let name = other.join(dice.roll(5).to_string());
    // Some of these cannot be: a name is taken, a directory is not moved into itself.
    let _ = match dice.roll(6) {
        0..3 => fs::create_dir(name),
        3 | 4 if one != root => fs::rename(one, name),
        5 if one != root => fs::remove_dir_all(one),
        _ => fs::create_dir_all(name.join("deep/deeper")),
    };
}

#[test]
fn every_directory_is_watched_under_its_last_name_whatever_happened_before() {
    for seed in 1..=8 {
        let place = Place::new();
        let probes: Rc<RefCell<Vec<PathBuf>>> = Rc::default();
        run(|| {
            let tree = WatchOptions::new().recursive(true).watch(place.path());
            let tree = tree.expect("it can be watched");
            let told = Rc::clone(&probes);
            tree.on_event(move |tree, event| {
                if event.path.ends_with("last") {
                    return tree.close();
                }
                if event.path.ends_with("probe") {
                    assert_eq!(event.kind, WatchKind::Created);
                    told.borrow_mut().push(event.path);
                }
            });
            let root = place.path().to_owned();
            tree.ready().callback(move |ready| {
                ready.expect("it can be watched");
                beside(move || {
                    let mut dice = Dice(seed);
                    (0..150).for_each(|_| change(&root, &mut dice));
                    for directory in directories(&root).expect("nobody else does") {
                        fs::File::create(directory.join("probe")).expect("it can be made");
                    }
                });
            });
            // A scan may still be under way when the last probe is made.
            let (root, seen) = (place.path().to_owned(), Rc::clone(&probes));
            unspin::set_interval(util::millis(5), move |timer| {
                if expected(&root).is_some_and(|all| all.len() <= seen.borrow().len()) {
                    timer.clear();
                    fs::write(root.join("last"), "").expect("it can be written");
                }
            });
        });
        let told = probes.borrow();
        let once: BTreeSet<PathBuf> = told.iter().cloned().collect();
        assert_eq!(Some(&once), expected(place.path()).as_ref(), "seed {seed}");
        assert_eq!(told.len(), once.len(), "seed {seed}");
    }
}

/// All probes, once the last of them is there.
fn expected(root: &Path) -> Option<BTreeSet<PathBuf>> {
    let all = directories(root).ok()?;
    let probes: BTreeSet<PathBuf> = all.iter().map(|path| path.join("probe")).collect();
    probes.iter().all(|probe| probe.exists()).then_some(probes)
}
