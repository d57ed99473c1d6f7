//! Files: from a target to a path, and from there to the head of a response.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::date;
use crate::request::{Head, Span, span};
use crate::response::{Then, begin, end, header, length};

/// What was found, on the pool.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    length: u64,
    changed: SystemTime,
}

/// The path of a target that has no way out of `root` by its own.
pub(crate) fn path_of(root: &Path, target: &str) -> Option<PathBuf> {
    let decoded = percent_decoded(target.strip_prefix('/')?)?;
    let path = Path::new(&decoded);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !decoded.contains('\0') && !decoded.ends_with('/')).then(|| root.join(path))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Blocks: for the pool.
pub(crate) fn find(root: &Path, path: PathBuf) -> io::Result<Found> {
    // A directory, a pipe or a device is not opened: that alone may do something.
    if !path.metadata()?.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    // Another may be in its place by now. So a pipe is not waited for, and what counts is what the
    // open file is, and where: a symbolic link may have led out of `root`.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
    let metadata = file.metadata()?;
    let place = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if !metadata.is_file() || !place.starts_with(root) {
        return Err(ErrorKind::NotFound.into());
    }
    let (length, changed) = (metadata.len(), metadata.modified()?);
    Ok(Found { file, path, length, changed })
}

/// What a client is told that cannot have a file.
pub(crate) fn status_of(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => "403 Forbidden",
        Some(libc::EMFILE | libc::ENFILE) => "503 Service Unavailable",
        _ => "404 Not Found",
    }
}

/// What the client asked of a file, kept while the file is looked for.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) with_body: bool,
    range: Option<Vec<u8>>,
    if_range: Option<Vec<u8>>,
    if_none_match: Option<Vec<u8>>,
    if_modified_since: Option<Vec<u8>>,
}

impl Wish {
    pub(crate) fn of(head: &Head<'_>, with_body: bool) -> Wish {
        let owned = |value: Option<&[u8]>| value.map(<[u8]>::to_vec);
        Wish {
            with_body,
            range: owned(head.range),
            if_range: owned(head.if_range),
            if_none_match: owned(head.if_none_match),
            if_modified_since: owned(head.if_modified_since),
        }
    }

    /// Writes the head of the response, and returns which bytes of the file follow.
    pub(crate) fn answer(
        &self,
        found: &Found,
        out: &mut Vec<u8>,
        today: &str,
        then: Then,
    ) -> std::ops::Range<u64> {
        let seconds = date::seconds(found.changed);
        let tag = format!("\"{:x}-{:x}\"", found.length, nanos(found.changed));
        let changed = date::format(seconds);
        if self.has_it(&tag, &changed) {
            begin(out, "304 Not Modified", today, then);
            header(out, "ETag", &tag);
            end(out);
            return 0..0;
        }
        // Parts of what has changed meanwhile would not fit together.
        let same = self.if_range.as_ref().is_none_or(|value| is_any_of(value, &tag, &changed));
        let range = self.range.as_ref().filter(|_| same && self.with_body);
        let (status, bytes) = match range.map_or(Span::Whole, |range| span(range, found.length)) {
            Span::Whole => ("200 OK", 0..found.length),
            Span::Part { start, end } => ("206 Partial Content", start..end),
            Span::Unsatisfiable => ("416 Range Not Satisfiable", 0..0),
        };
        begin(out, status, today, then);
        header(out, "Content-Type", kind(&found.path));
        header(out, "Last-Modified", &changed);
        header(out, "ETag", &tag);
        header(out, "Accept-Ranges", "bytes");
        let total = found.length;
        match &status[..3] {
            "206" => {
                let part = format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1);
                header(out, "Content-Range", &part);
            }
            "416" => header(out, "Content-Range", &format!("bytes */{total}")),
            _ => {}
        }
        length(out, bytes.end - bytes.start);
        end(out);
        if self.with_body { bytes } else { 0..0 }
    }

    fn has_it(&self, tag: &str, changed: &str) -> bool {
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(tags), _) => {
                tags == b"*" || tags.split(|&byte| byte == b',').any(|one| is_tag(one, tag))
            }
            (None, Some(date)) => date == changed.as_bytes(),
            (None, None) => false,
        }
    }
}

fn is_tag(one: &[u8], tag: &str) -> bool {
    let one = one.trim_ascii();
    one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes()
}

fn is_any_of(value: &[u8], tag: &str, changed: &str) -> bool {
    value == tag.as_bytes() || value == changed.as_bytes()
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// By the extension.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" | "toml" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}
