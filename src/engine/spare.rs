//! Buffers that outlive their use: what a read leaves undecoded and what a socket does not take need memory for a moment, on one
//! connection after another. An idle connection holds none, and a busy worker allocates none.

/// How many buffers are kept, and how large each may be: a worker serves one connection at a time, so that a few suffice, unless sockets
/// are full.
const KEPT: usize = 16;
const MAX_CAPACITY: usize = 256 * 1024;

/// The buffers that a worker has to spare.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// Appends `bytes` to `buffer`, which gets spare memory where it has none yet.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if buffer.capacity() == 0 {
            *buffer = self.0.pop().unwrap_or_default();
        }
        buffer.extend_from_slice(bytes);
    }

    /// Takes the memory of `buffer`, which is empty afterwards.
    pub(super) fn reclaim(&mut self, buffer: &mut Vec<u8>) {
        let mut taken = std::mem::take(buffer);
        if taken.capacity() > 0 && taken.capacity() <= MAX_CAPACITY && self.0.len() < KEPT {
            taken.clear();
            self.0.push(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_from_one_buffer_to_the_next() {
        let (mut spares, mut first, mut second) = (Spares::default(), Vec::new(), Vec::new());
        spares.append(&mut first, b"some bytes");
        let memory = first.as_ptr();
        spares.reclaim(&mut first);
        assert_eq!(first.capacity(), 0, "an idle connection holds no memory");
        spares.append(&mut second, b"others");
        assert_eq!((&second[..], second.as_ptr()), (&b"others"[..], memory));
        spares.append(&mut first, b"");
        assert_eq!(first.capacity(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut spares = Spares::default();
        for _ in 0..2 * KEPT {
            spares.reclaim(&mut vec![1; 8]);
        }
        spares.reclaim(&mut Vec::new());
        spares.reclaim(&mut vec![1; MAX_CAPACITY + 1]);
        assert_eq!(spares.0.len(), KEPT);
        assert!(spares.0.iter().all(|spare| spare.is_empty() && spare.capacity() > 0));
    }
}
