//! The measure window as a bounded sequence of equal consecutive stretches of time, however long it lasts.

use super::recorder::CoarseRecorder;

/// Time slices gathered into at most a fixed number of batches, in time order.
///
/// Slices are pushed one after another, all of the same length of time. While there are no more than the capacity, each is
/// a batch of its own. Then adjacent batches are merged in pairs and each later batch takes twice as many slices, again and
/// again (dyadic collapse): memory stays flat, and after the first collapse the sequence is never less than half full. The
/// last batch may still be filling.
#[derive(Debug, Clone, PartialEq)]
pub struct Batches {
    capacity: usize,
    slices_per_batch: u64,
    batches: Vec<CoarseRecorder>,
    slices: u64,
}

impl Batches {
    /// No batches yet, and never more than `capacity`, which is raised to an even number of at least 2 so that batches
    /// merge in pairs.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(2).next_multiple_of(2), slices_per_batch: 1, batches: Vec::new(), slices: 0 }
    }

    /// Appends the slice that follows all those pushed before. An empty slice counts: time passed in which nothing ended.
    pub fn push(&mut self, slice: &CoarseRecorder) {
        if !self.slices.is_multiple_of(self.slices_per_batch) {
            self.batches.last_mut().expect("a batch is being filled").merge(slice);
        } else {
            if self.batches.len() == self.capacity {
                self.collapse();
            }
            self.batches.push(slice.clone());
        }
        self.slices += 1;
    }

    /// Adds what another sequence recorded in the same stretches of time, such as another worker's: the n-th slice of one
    /// is the n-th slice of the other. The capacity becomes the smaller of the two.
    pub fn merge(&mut self, other: &Self) {
        let Self { capacity, slices_per_batch, batches, slices } = other;
        self.capacity = self.capacity.min(*capacity);
        while self.slices_per_batch < *slices_per_batch {
            self.collapse();
        }
        let ratio = (self.slices_per_batch / slices_per_batch) as usize;
        for (i, theirs) in batches.iter().enumerate() {
            match self.batches.get_mut(i / ratio) {
                Some(mine) => mine.merge(theirs),
                None => self.batches.push(theirs.clone()),
            }
        }
        self.slices = self.slices.max(*slices);
        while self.batches.len() > self.capacity {
            self.collapse();
        }
    }

    /// Merges adjacent batches in pairs; one that is left over at the end stays as the batch being filled.
    fn collapse(&mut self) {
        let mut pairs = std::mem::take(&mut self.batches).into_iter();
        while let Some(mut batch) = pairs.next() {
            if let Some(next) = pairs.next() {
                batch.merge(&next);
            }
            self.batches.push(batch);
        }
        self.slices_per_batch *= 2;
    }

    /// The batches in time order. The last one may span less time than the others.
    pub fn as_slice(&self) -> &[CoarseRecorder] {
        &self.batches
    }

    /// How many slices each batch but the last spans: a power of 2.
    pub fn slices_per_batch(&self) -> u64 {
        self.slices_per_batch
    }

    /// How many slices were pushed.
    pub fn slices(&self) -> u64 {
        self.slices
    }

    /// How many batches there are, the one being filled included.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether no slice was pushed.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `count` slices, of which the n-th holds n mod 7 times of n + 1 ns, into at most `capacity` batches.
    fn batches(capacity: usize, count: u64) -> Batches {
        let mut batches = Batches::new(capacity);
        for n in 0..count {
            let mut slice = CoarseRecorder::new();
            (0..n % 7).for_each(|_| slice.record(n + 1));
            batches.push(&slice);
        }
        batches
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn collapsing_keeps_every_count_in_its_place(capacity in 1..10_usize, count in 0..200_u64) {
            let batches = batches(capacity, count);
            let width = batches.slices_per_batch();
            prop_assert!(width.is_power_of_two() && batches.len() <= capacity.max(2).next_multiple_of(2));
            prop_assert_eq!(batches.slices(), count);
            prop_assert_eq!(batches.len() as u64, count.div_ceil(width));
            prop_assert!(width == 1 || 2 * batches.len() >= capacity);
            for (i, batch) in batches.as_slice().iter().enumerate() {
                let from = i as u64 * width;
                let expected: u64 = (from..(from + width).min(count)).map(|n| n % 7).sum();
                prop_assert_eq!(batch.len(), expected, "batch {}", i);
            }
        }

        #[test]
        fn merging_is_pushing_merged_slices(capacity in 1..10_usize, a in 0..100_u64, b in 0..100_u64, other in 1..10_usize) {
            let mut left = batches(capacity, a);
            left.merge(&batches(other, b));
            let mut right = batches(other, b);
            right.merge(&batches(capacity, a));
            prop_assert_eq!(&left, &right);
            let mut together = Batches::new(capacity.min(other));
            for n in 0..a.max(b) {
                let mut slice = CoarseRecorder::new();
                let workers = u64::from(n < a) + u64::from(n < b);
                (0..workers * (n % 7)).for_each(|_| slice.record(n + 1));
                together.push(&slice);
            }
            prop_assert_eq!(left, together);
        }
    }

    #[test]
    fn no_slices_are_no_batches() {
        let batches = Batches::new(64);
        assert!(batches.is_empty() && batches.slices() == 0 && batches.slices_per_batch() == 1);
    }
}
