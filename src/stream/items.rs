//! The methods that lines and frames have in common, written once.

/// Gives a handle of a [`Decoded`](crate::stream::decoded::Decoded) what all of them have.
macro_rules! items {
    ($Items:ident, $Decoder:ty) => {
        impl<R: Readable> $Items<R> {
            fn of(decoded: &Rc<Decoded<R, $Decoder>>) -> $Items<R> {
                decoded.handle_added();
                $Items(Rc::clone(decoded))
            }

            /// What the bytes come from.
            pub fn source(&self) -> &R {
                &self.0.source
            }

            /// Calls `handler` at the end of the source, when all items have been handed over.
            #[track_caller]
            pub fn on_end<O: Outcome>(
                &self,
                mut handler: impl FnMut(&$Items<R>) -> O + 'static,
            ) -> &$Items<R> {
                let run = move |decoded: &Rc<Decoded<R, $Decoder>>| {
                    handler(&$Items::of(decoded)).into_result()
                };
                self.0.install_end(Location::caller(), Box::new(run));
                self
            }

            /// Calls `handler` when the source fails, or bytes that it gives are wrong; the source
            /// is closed next. Without one, that is logged at WARN.
            #[track_caller]
            pub fn on_error<O: Outcome>(
                &self,
                mut handler: impl FnMut(&$Items<R>, Error) -> O + 'static,
            ) -> &$Items<R> {
                let run = move |decoded: &Rc<Decoded<R, $Decoder>>, error| {
                    handler(&$Items::of(decoded), error).into_result()
                };
                self.0.install_error(Location::caller(), Box::new(run));
                self
            }

            /// Hands nothing more over until [`resume`](Self::resume), not even what is there
            /// already.
            pub fn pause(&self) {
                self.0.pause();
            }

            /// Goes on after [`pause`](Self::pause), in the next turn.
            pub fn resume(&self) {
                self.0.resume();
            }

            /// Whether it is paused.
            pub fn is_paused(&self) -> bool {
                self.0.is_paused()
            }

            /// Hands nothing more over, and closes the source.
            pub fn close(&self) {
                self.0.close();
            }
        }

        impl<R: Readable> Clone for $Items<R> {
            fn clone(&self) -> $Items<R> {
                $Items::of(&self.0)
            }
        }

        impl<R: Readable> Drop for $Items<R> {
            fn drop(&mut self) {
                self.0.handle_gone();
            }
        }

        impl<R: Readable> fmt::Debug for $Items<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Items))
                    .field("over", &self.0.over.get())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(super) use items;
