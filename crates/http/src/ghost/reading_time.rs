//! How long something takes to read, as Ghost counts it: by words and pictures, rounded to whole minutes.

const WORDS_PER_MINUTE: f64 = 275.0;
/// More pictures are not counted.
const MAX_PICTURES: u32 = 10_000;

/// Whole minutes; 0 for less than half of one. The first picture takes twelve seconds, each further one a second less,
/// down to three.
pub(super) fn minutes(words: u32, pictures: usize) -> u32 {
    let pictures = u32::try_from(pictures).unwrap_or(MAX_PICTURES).min(MAX_PICTURES);
    let falling = pictures.min(9);
    let seconds = falling * 12 - falling * falling.saturating_sub(1) / 2 + (pictures - falling) * 3;
    let minutes = (f64::from(words) / WORDS_PER_MINUTE + f64::from(seconds) / 60.0).round();
    // It is not negative, and what is too large is cut.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let minutes = minutes as u32;
    minutes
}

/// The pictures in safe HTML.
pub(super) fn pictures(html: &str) -> usize {
    html.matches("<img ").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pictures_take_time() {
        assert_eq!((minutes(0, 0), minutes(137, 0), minutes(138, 0), minutes(550, 0)), (0, 0, 1, 2));
        // 12 + 11 + 10 seconds; ten pictures: 12 + … + 4 + 3.
        assert_eq!((minutes(0, 3), minutes(0, 10), minutes(0, 30)), (1, 1, 2));
        assert_eq!(minutes(u32::MAX, usize::MAX), 15_618_564);
        assert_eq!(pictures("<p><img src=\"a\"><img alt=\"b\"></p>&lt;img "), 2);
    }
}
