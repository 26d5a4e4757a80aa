use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Keeps the most recently used values up to a total weight.
pub(crate) struct Lru<K, V> {
    limit: usize,
    weight: usize,
    clock: u64,
    values: HashMap<K, (V, usize, u64)>,
    by_use: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Lru<K, V> {
    pub(crate) fn new(limit: usize) -> Lru<K, V> {
        Lru { limit, weight: 0, clock: 0, values: HashMap::new(), by_use: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let (value, _, used) = self.values.get_mut(key)?;
        self.clock += 1;
        let key = self.by_use.remove(used)?;
        *used = self.clock;
        self.by_use.insert(self.clock, key);
        Some(value.clone())
    }

    /// The newest value is kept even if it alone is over the limit.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        self.clock += 1;
        self.weight += weight;
        self.by_use.insert(self.clock, key.clone());
        self.values.insert(key, (value, weight, self.clock));
        while self.weight > self.limit && self.values.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((_, weight, _)) = self.values.remove(&oldest) {
                self.weight -= weight;
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((_, weight, used)) = self.values.remove(key) {
            self.weight -= weight;
            self.by_use.remove(&used);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.weight = 0;
        self.values.clear();
        self.by_use.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Lru;

    #[test]
    fn what_was_used_last_is_kept() {
        let mut lru = Lru::new(3);
        lru.insert("a", 1, 1);
        lru.insert("b", 2, 1);
        lru.insert("c", 3, 1);
        assert_eq!(lru.get(&"a"), Some(1));
        lru.insert("d", 4, 1);
        assert_eq!(
            [lru.get(&"a"), lru.get(&"b"), lru.get(&"c"), lru.get(&"d")],
            [Some(1), None, Some(3), Some(4)]
        );
    }

    #[test]
    fn a_heavy_value_pushes_out_the_others_but_stays() {
        let mut lru = Lru::new(3);
        lru.insert("a", 1, 1);
        lru.insert("b", 2, 9);
        assert_eq!([lru.get(&"a"), lru.get(&"b")], [None, Some(2)]);
        lru.insert("b", 3, 1);
        lru.insert("a", 4, 2);
        assert_eq!([lru.get(&"a"), lru.get(&"b")], [Some(4), Some(3)]);
    }
}
