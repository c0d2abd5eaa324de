//! How far a search has come, and whether it is to go on.

use super::FindError;

/// A part of the search. It tells whoever watches how far the whole has come.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    tell: &'a dyn Fn(f32) -> bool,
    from: f32,
    to: f32,
}

impl<'a> Watch<'a> {
    /// The whole search: `tell` hears the share that is done, 0 to 1, and says whether to go on.
    pub fn new(tell: &'a dyn Fn(f32) -> bool) -> Self {
        Self { tell, from: 0.0, to: 1.0 }
    }

    /// What lies between two shares of this part.
    pub fn part(&self, from: f32, to: f32) -> Self {
        let at = |share: f32| self.from + share * (self.to - self.from);
        Self { tell: self.tell, from: at(from), to: at(to) }
    }

    /// Tells that `done` of `all` steps of this part are done.
    ///
    /// # Errors
    /// If nobody wants the rest.
    pub fn at(&self, done: usize, all: usize) -> Result<(), FindError> {
        let share = done as f32 / all.max(1) as f32;
        let goes_on = (self.tell)(self.from + share * (self.to - self.from));
        if goes_on { Ok(()) } else { Err(FindError::Cancelled) }
    }
}

/// Nobody watches.
#[cfg(test)]
pub(super) const UNWATCHED: Watch<'static> = Watch { tell: &|_| true, from: 0.0, to: 1.0 };
