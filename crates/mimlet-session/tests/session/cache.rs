//! Verdicts of earlier starts: believed when all they depend on is the same, and only then.

use crate::rungs::{Twisted, bundled};
use mimlet_session::{Ladder, Rung, Tried, VerdictCache, VerdictKey};
use std::fs;

fn climb(rung: &Twisted, cache: &VerdictCache) -> Tried {
    let rungs: Vec<Box<dyn Rung>> = vec![Box::new(rung.clone())];
    let climbed = Ladder::new(rungs, cache.clone()).climb(&bundled());
    climbed.unwrap().report.rungs.remove(0).tried
}

#[test]
fn a_second_start_believes_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = VerdictCache::in_folder(folder.path().join("made").join("when needed"));
    let rung = Twisted::right("gpu");
    let Tried::Now(trial) = climb(&rung, &cache) else {
        panic!("nothing was cached");
    };
    let asked = rung.answers();
    assert_eq!(climb(&rung, &cache), Tried::Earlier(trial));
    assert_eq!(rung.answers(), asked, "no image was encoded again");
}

#[test]
fn another_device_or_driver_asks_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = VerdictCache::in_folder(folder.path());
    assert!(matches!(
        climb(&Twisted::right("gpu"), &cache),
        Tried::Now(_)
    ));
    let updated = climb(&Twisted::right("gpu with a new driver"), &cache);
    assert!(matches!(updated, Tried::Now(_)));
}

#[test]
fn a_damaged_or_foreign_verdict_is_not_believed_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let cache = VerdictCache::in_folder(folder.path());
    let rung = Twisted::right("gpu");
    climb(&rung, &cache);
    let key = VerdictKey::new(&bundled(), &rung);
    let path = fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = fs::read(&path).unwrap();
    assert!(cache.find(&key).is_some());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(cache.find(&key), None, "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(cache.find(&key), None, "cut at {at}");
    }
    assert!(matches!(climb(&rung, &cache), Tried::Now(_)));
    assert!(cache.find(&key).is_some(), "replaced");

    // The verdict on one device under the name of another's.
    let other = Twisted::right("another gpu");
    climb(&other, &cache);
    let theirs = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let theirs = theirs.into_iter().find(|other| *other != path).unwrap();
    fs::copy(&path, &theirs).unwrap();
    assert_eq!(cache.find(&VerdictKey::new(&bundled(), &other)), None);
}

#[test]
fn a_start_goes_on_where_nothing_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file, no folder");
    fs::write(&file, "").unwrap();
    let cache = VerdictCache::in_folder(file);
    let rung = Twisted::right("gpu");
    assert!(matches!(climb(&rung, &cache), Tried::Now(_)));
    assert!(matches!(climb(&rung, &cache), Tried::Now(_)));
}

#[test]
fn a_device_that_breaks_today_is_not_saved_by_yesterday_s_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let cache = VerdictCache::in_folder(folder.path());
    // Yesterday: 21 answers, of the trial. Today the first image fails, and nothing is left.
    let rung = Twisted::new("gpu", |answer, _| match answer {
        0..21 => Ok(()),
        _ => Err("gone".into()),
    });
    climb(&rung, &cache);
    let rungs: Vec<Box<dyn Rung>> = vec![Box::new(rung)];
    let ladder = Ladder::new(rungs, cache);
    let mut session = mimlet_session::Session::on(crate::rungs::file(), ladder).unwrap();
    let size = session.model().manifest().encoder.image_size;
    let image = vec![0; (size[0] * size[1] * 3) as usize];
    let error = session.encode_pixels(&image).unwrap_err().to_string();
    assert!(error.contains("gpu: broken: gpu: gone"), "{error}");
}
