//! The views of a picture whose outputs are averaged in tests and predictions.

use super::stages::{Frame, Sizes, mirror, moved};
use crate::error::{Error, Result};

/// Which outputs are averaged for a picture, in tests and predictions (test-time augmentation). The default is the picture
/// alone, as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// Half of each output for the mirror image, where left and right change places.
    pub flip: bool,
    /// A quarter each for the picture moved by so many pixels down and to the right, and up and to the left, and half for
    /// where it is; what comes in is reflected at the edge, which is not repeated. 0 for none.
    pub shift: usize,
}

/// One of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    mirrored: bool,
    /// Pixels down and to the right.
    moved: i64,
}

impl Views {
    /// Is it the picture alone?
    pub fn is_single(self) -> bool {
        self == Views::default()
    }
    /// Each view with its share. The error is about samples of this shape that don't have such views.
    pub(crate) fn of(self, shape: &[usize]) -> Result<Vec<(f32, View)>> {
        if self.is_single() {
            return Ok(vec![(1.0, View::default())]);
        }
        let sizes = Sizes::of(shape)?;
        let most = sizes.height.min(sizes.width) - 1;
        if self.shift > most {
            let (words, shift) = (sizes.words(), self.shift);
            let message = format!("pictures are {words}; they can be moved by at most {most} pixels, not by {shift}");
            return Err(Error::shape("shift-too-large", message));
        }
        let by = self.shift as i64;
        let places = if by > 0 { vec![(0.5, 0), (0.25, by), (0.25, -by)] } else { vec![(1.0, 0)] };
        let sides: &[bool] = if self.flip { &[false, true] } else { &[false] };
        let share = 1.0 / sides.len() as f32;
        let view = |(part, moved)| sides.iter().map(move |&mirrored| (share * part, View { mirrored, moved }));
        Ok(places.into_iter().flat_map(view).collect())
    }
}

impl View {
    /// Turns a picture into its view.
    pub fn apply(self, frame: &mut Frame) {
        if self.moved != 0 {
            moved(frame, self.moved);
        }
        if self.mirrored {
            mirror(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first row of a picture of 3 × 4 in each view, and the shares.
    fn rows(views: Views) -> Vec<(f32, Vec<f32>)> {
        let look = |(share, view): (f32, View)| {
            let mut frame = Frame::default();
            let pixels = frame.start(Sizes { height: 3, width: 4, channels: 1 });
            pixels.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            view.apply(&mut frame);
            (share, frame.pixels()[..4].to_vec())
        };
        views.of(&[3, 4]).unwrap().into_iter().map(look).collect()
    }

    #[test]
    fn views_are_moved_and_mirrored_and_their_shares_add_up() {
        let still = (1.0, vec![0.0, 1.0, 2.0, 3.0]);
        assert_eq!(rows(Views::default()), std::slice::from_ref(&still));
        let flip = Views { flip: true, shift: 0 };
        assert_eq!(rows(flip), [(0.5, still.1.clone()), (0.5, vec![3.0, 2.0, 1.0, 0.0])]);
        // Down and right: the first row is the second one, reflected, and begins with its second pixel.
        let shift = Views { flip: false, shift: 1 };
        assert_eq!(rows(shift), [(0.5, still.1), (0.25, vec![5.0, 4.0, 5.0, 6.0]), (0.25, vec![5.0, 6.0, 7.0, 6.0])]);
        let both = rows(Views { flip: true, shift: 2 });
        assert_eq!(both.iter().map(|(share, _)| share).sum::<f32>(), 1.0);
        assert_eq!(both[3], (0.125, vec![9.0, 8.0, 9.0, 10.0]));
    }

    #[test]
    fn what_has_no_such_views_is_refused() {
        let code = |views: Views, shape: &[usize]| views.of(shape).map(|_| ()).map_err(|e| e.code());
        assert_eq!(code(Views { flip: false, shift: 2 }, &[3, 4]), Ok(()));
        assert_eq!(code(Views { flip: false, shift: 3 }, &[3, 4]), Err("shift-too-large"));
        assert_eq!(code(Views::default(), &[7]), Ok(()));
        assert!(code(Views { flip: true, shift: 0 }, &[7]).is_err());
        assert!(code(Views { flip: false, shift: 1 }, &[7]).is_err());
    }
}
