//! Cutting content where its text says so, not at fixed offsets: contents that share most of their text are
//! then cut into mostly the same parts, wherever the difference lies.
//!
//! A conversation is stored once per step of a run, each time a little longer. Cut like this, each step adds
//! only what is new. The method is the gear hash of FastCDC (Xia et al., USENIX ATC 2016).

use std::ops::Range;

/// Content up to this length stays whole.
pub(crate) const WHOLE_LENGTH: usize = 16 << 10;

/// A part is not cut before this length, so that the list of parts stays short.
const SHORTEST: usize = 1 << 10;

/// A part is cut here at the latest.
const LONGEST: usize = 16 << 10;

/// A cut falls where this many leading bits of the hash are zero: every 4 KiB on average past the shortest.
const ZERO_BITS: u32 = 12;

/// Fixed pseudo-random numbers, one per byte value, from the SplitMix64 sequence. They are part of the stored
/// format only in so far as other numbers would share less with what is already stored.
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut state: u64 = 0;
    let mut index = 0;
    while index < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    gear
};

/// The parts of `bytes`, in order and without a gap; one part where it stays whole.
pub(crate) fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
    if bytes.len() <= WHOLE_LENGTH {
        return std::iter::once(0..bytes.len()).collect();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = start + first_part(&bytes[start..]);
        parts.push(start..end);
        start = end;
    }
    parts
}

fn first_part(bytes: &[u8]) -> usize {
    let longest = bytes.len().min(LONGEST);
    let mut hash: u64 = 0;
    for (index, byte) in bytes[..longest].iter().enumerate() {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        if index >= SHORTEST && hash >> (64 - ZERO_BITS) == 0 {
            return index + 1;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn text(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(length)
        .collect()
    }

    #[test]
    fn content_that_grows_or_changes_in_the_middle_keeps_most_of_its_parts() {
        let first = text(200_000, 1);
        let known: HashSet<&[u8]> = parts(&first).into_iter().map(|part| &first[part]).collect();
        let mut grown = first.clone();
        grown.splice(100_000..100_010, text(3_000, 2));
        grown.extend(text(5_000, 3));
        let new: usize = parts(&grown)
            .into_iter()
            .map(|part| &grown[part])
            .filter(|part| !known.contains(part))
            .map(<[u8]>::len)
            .sum();
        assert!(new < 60_000, "{new} bytes of {} are new", grown.len());
    }

    proptest! {
        #[test]
        fn parts_cover_the_content_in_order(length in 0_usize..200_000, seed: u64) {
            let bytes = text(length, seed);
            let parts = parts(&bytes);
            prop_assert_eq!(parts.iter().flat_map(Clone::clone).count(), length);
            let joined: Vec<u8> = parts.iter().flat_map(|part| bytes[part.clone()].to_vec()).collect();
            prop_assert_eq!(joined, bytes);
            prop_assert!(parts.iter().all(|part| part.len() <= LONGEST.max(WHOLE_LENGTH)));
        }
    }
}
