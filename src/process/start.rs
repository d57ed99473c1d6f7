//! From a command to a child.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::process::child::Child;
use crate::process::command::Command;
use crate::process::running::{Ear, Running};
use crate::process::stdio::Arranged;
use crate::sys::process;
use crate::sys::spawn::{self, Failure, Plan, Step};
use crate::trace::Label;

/// Where programs are looked for if the child's environment does not say: as `execvp` has it.
const PATH: &str = "/bin:/usr/bin";

pub(super) fn start(core: &Loop, label: Label, mut command: Command) -> Result<Child> {
    let program = command.program.to_string_lossy().into_owned();
    let in_context = |error| Error::io(format!("start {program}"), error);
    if let Some(reason) = command.abort.as_ref().and_then(|signal| signal.reason()) {
        return Err(Error::aborted(Some(reason)));
    }
    let mut arranged = Arranged::default();
    for (number, stdio) in mem::take(&mut command.stdio) {
        arranged
            .add(core, label, number, stdio)
            .map_err(|error| in_context(io::Error::new(error.kind(), error)))?;
    }
    let mut plan = plan(&command).map_err(in_context)?;
    plan.descriptors = mem::take(&mut arranged.descriptors);

    let ear = if uses_pidfd() { None } else { Some(Ear::of_signals().map_err(in_context)?) };
    let spawned = spawn::spawn(&plan, ear.is_none())
        .map_err(|failure| in_context(explained(failure, &command, &plan.candidates)))?;
    let ear = spawned.pidfd.map(Ear::of_pidfd).or(ear).ok_or(ErrorKind::Unsupported.into());
    let running = Running::attach(core, label, &command, program, spawned.pid, ear)?;
    Ok(Child::new(running, arranged.pipes))
}

/// Kernels before 5.3 have none; the way for those can be asked for, so that it is tried.
fn uses_pidfd() -> bool {
    static USES: OnceLock<bool> = OnceLock::new();
    *USES.get_or_init(|| {
        env::var_os("UNSPIN_PIDFD").is_none_or(|value| value != "0") && process::has_pidfd()
    })
}

/// Says which step it was, where it was not the program itself.
fn explained(
    Failure { step, error }: Failure,
    command: &Command,
    candidates: &[CString],
) -> io::Error {
    let what = match step {
        Step::Child => return error,
        Step::Program => return unfit(error, command, candidates),
        Step::Session => "begin a session or a group".to_owned(),
        Step::Descriptors => "arrange its descriptors".to_owned(),
        Step::Directory => {
            format!("in {}", command.directory.clone().unwrap_or_default().display())
        }
        Step::User => "change the user".to_owned(),
    };
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Says why what is there cannot be run, which the system's word for it leaves open.
fn unfit(error: io::Error, command: &Command, candidates: &[CString]) -> io::Error {
    let folder = command.directory.clone().unwrap_or_default();
    let found = candidates.iter().find_map(|path| {
        let path = folder.join(OsStr::from_bytes(path.as_bytes()));
        fs::metadata(&path).ok()
    });
    let Some(found) = found else { return error };
    let what = match error.kind() {
        ErrorKind::NotFound => "the interpreter or loader that it asks for is missing",
        ErrorKind::PermissionDenied if found.is_dir() => "it is a directory",
        ErrorKind::PermissionDenied if found.permissions().mode() & 0o111 == 0 => {
            "it is not marked as executable"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn plan(command: &Command) -> io::Result<Plan> {
    let environment = environment(command);
    let path = environment.get(OsStr::new("PATH")).map_or(OsStr::new(PATH), |path| path);
    let argv0 = command.argv0.as_ref().unwrap_or(&command.program);
    let arguments = std::iter::once(argv0).chain(&command.arguments);
    Ok(Plan {
        candidates: candidates(&command.program, path)?,
        arguments: arguments
            .map(|argument| c_string(argument, "an argument"))
            .collect::<io::Result<_>>()?,
        environment: environment.iter().map(variable).collect::<io::Result<_>>()?,
        directory: command
            .directory
            .as_ref()
            .map(|path| c_string(path.as_os_str(), "the directory"))
            .transpose()?,
        uid: command.uid,
        gid: command.gid,
        groups: command.groups.clone(),
        new_session: command.detached,
        new_group: command.stop_group,
        descriptors: Vec::new(),
    })
}

fn environment(command: &Command) -> BTreeMap<OsString, OsString> {
    let inherited = command.inherits_environment.then(env::vars_os);
    let mut environment: BTreeMap<_, _> = inherited.into_iter().flatten().collect();
    for (name, value) in &command.environment {
        match value {
            Some(value) => environment.insert(name.clone(), value.clone()),
            None => environment.remove(name),
        };
    }
    environment
}

fn variable((name, value): (&OsString, &OsString)) -> io::Result<CString> {
    let both = OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat());
    c_string(&both, &format!("the variable {}", name.to_string_lossy()))
}

/// The paths at which a program may be.
fn candidates(program: &OsStr, path: &OsStr) -> io::Result<Vec<CString>> {
    let name = program.as_bytes();
    if name.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the program's name is empty"));
    }
    let what = "the program's name";
    if name.contains(&b'/') {
        return Ok(vec![c_string(program, what)?]);
    }
    env::split_paths(path).map(|folder| c_string(folder.join(program).as_os_str(), what)).collect()
}

fn c_string(text: &OsStr, what: &str) -> io::Result<CString> {
    CString::new(text.as_bytes())
        .map_err(|_| io::Error::new(ErrorKind::InvalidInput, format!("a zero byte in {what}")))
}
