//! Content-addressed storage.

use syndarix_core::blob::BlobHash;
use syndarix_core::ports::Blobs;

use crate::support::fixture;

/// Text that does not repeat itself, so that nothing is shared by accident.
fn text(length: usize) -> Vec<u8> {
    let mut state: u32 = 7;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn content_of_any_length_comes_back_unchanged() {
    let f = fixture().await;
    for length in [0, 1, 16 << 10, (16 << 10) + 1, 100_000, 10 << 20] {
        let bytes = text(length);
        for _ in 0..2 {
            let hash = Blobs::put(&f.store, bytes.clone()).await.expect("stored");
            assert_eq!(hash, BlobHash::of(&bytes));
        }
        let back = Blobs::get(&f.store, &BlobHash::of(&bytes)).await.expect("there");
        assert!(back == bytes, "{length} bytes came back changed");
    }
    let missing = Blobs::get(&f.store, &BlobHash::of(b"never stored")).await.expect_err("not there");
    assert!(!missing.retryable);
}

#[tokio::test]
async fn a_conversation_that_grows_is_stored_about_once() {
    let f = fixture().await;
    let whole = text(1 << 20);
    let before = std::fs::metadata(f.dir.path().join("syndarix.db-wal")).expect("the log").len();
    let mut total = 0;
    for step in 1..=64 {
        let end = whole.len() * step / 64;
        total += end;
        let tail = format!("],\"step\":{step}}}");
        let state = [b"{\"turns\":[", &whole[..end], tail.as_bytes()].concat();
        Blobs::put(&f.store, state).await.expect("stored");
    }
    drop(f.store);
    let size = std::fs::metadata(f.dir.path().join("syndarix.db")).expect("the database").len() as usize;
    assert!(before > 0 && total > 30 << 20);
    assert!(size < 3 << 20, "{total} bytes in steps of 16 KiB took {size}");
}
