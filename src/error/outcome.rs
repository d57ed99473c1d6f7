//! What a callback may return.

use crate::error::{Error, Result};

/// What a callback may return: `()`, [`unspin::Result<()>`](crate::Result), or `!`.
///
/// The list is closed so that `Ok(())` at the end of a closure needs no annotation.
///
/// ```
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::set_timeout(Duration::from_millis(1), || println!("returns nothing"));
///     unspin::set_immediate(|| {
///         let port: u16 = "7000".parse()?;
///         println!("{port}");
///         Ok(())
///     });
/// })
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a callback returns `()`, `unspin::Result<()>` or `!`, not `{Self}`",
    label = "this callback returns `{Self}`",
    note = "end the closure with `;` to drop the value, or turn its error into `unspin::Error` with `?`"
)]
pub trait Outcome: Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<()>;
}

pub trait Sealed {}

impl Sealed for () {}
impl Outcome for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl Sealed for Result<(), Error> {}
impl Outcome for Result<(), Error> {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// Names the type `!` on a stable compiler: the return type of a function that does not return.
pub trait Returns {
    type Out;
}
impl<T> Returns for fn() -> T {
    type Out = T;
}
type Never = <fn() -> ! as Returns>::Out;

impl Sealed for Never {}
impl Outcome for Never {
    fn into_result(self) -> Result<()> {
        self
    }
}
