//! Numbers that look like chance and are the same in every run.

/// `SplitMix64`: small, and good enough for texts.
pub struct Random(u64);

impl Random {
    /// The numbers of one thing (`number`) of one kind (`kind`): whatever was made before it.
    pub fn of(seed: u64, kind: u64, number: u64) -> Self {
        let mut random = Self(seed ^ kind.wrapping_mul(0xA24B_AED4_963E_E407));
        random.0 = random.next().wrapping_add(number.wrapping_mul(0x9FB2_1C65_1E98_DF25));
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `end`, which is not among them.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// From 0 to 1, which is not among them.
    pub fn fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / f64::from(u32::MAX).next_up()
    }
}
