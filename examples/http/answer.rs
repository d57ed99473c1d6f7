//! What is where.

use std::path::{Path, PathBuf};

use crate::file::{Wish, path_of};
use crate::request::{Head, Method};
use crate::response::Then;

/// What a request gets once its body is there.
pub(crate) enum Answer {
    Hello { with_body: bool, then: Then },
    Echo { then: Then },
    Status { status: &'static str, with_body: bool, then: Then },
    File { path: PathBuf, wish: Wish, then: Then },
}

impl Answer {
    /// `root` is the folder whose files are served.
    pub(crate) fn to(head: &Head<'_>, root: &Path) -> Answer {
        let then = if head.keeps_alive { Then::KeepAlive } else { Then::Close };
        let with_body = head.method != Method::Head;
        let status = |status| Answer::Status { status, with_body, then };
        match (head.method, head.path) {
            (Method::Get | Method::Head, "/") => Answer::Hello { with_body, then },
            (Method::Post, "/echo") => Answer::Echo { then },
            (Method::Get | Method::Head, path) => match path_of(root, path) {
                Some(path) => Answer::File { path, wish: Wish::of(head, with_body), then },
                None => status("404 Not Found"),
            },
            _ => status("405 Method Not Allowed"),
        }
    }
}
