//! Programs that measure and print what they found: this one, started again, and those that are
//! not written in Rust. Where a machine lacks what those need, the others are measured without them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};

use crate::Result;
use crate::report::Missing;

/// A program that can be started, or why it cannot.
pub struct Program(std::result::Result<Vec<OsString>, Missing>);

impl Program {
    /// This one.
    pub fn itself() -> Program {
        let path = env::current_exe().map_err(|error| Missing(error.to_string()));
        Program(path.map(|path| vec![path.into()]))
    }

    /// Compiles a C program that uses libuv.
    pub fn libuv(name: &str, source: &str) -> Program {
        Program(compile(name, source).map(|path| vec![path.into()]))
    }

    /// A script for Node.
    pub fn node(script: &str) -> Program {
        Program(check_node().map(|()| vec!["node".into(), script.into()]))
    }

    /// Runs it with these arguments, and returns the numbers that it prints.
    ///
    /// # Errors
    ///
    /// [`Missing`] says what the machine lacks; any other is a failure.
    pub fn run(&self, arguments: &[&str]) -> Result<Vec<f64>> {
        let words = self.0.as_ref().map_err(|Missing(why)| Missing(why.clone()))?;
        let output = Command::new(&words[0])
            .args(&words[1..])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{arguments:?}: {}", output.status).into());
        }
        let said = String::from_utf8(output.stdout)?;
        let numbers: std::result::Result<Vec<f64>, _> =
            said.split_whitespace().map(str::parse).collect();
        numbers.map_err(|_| format!("{arguments:?} said {said:?}").into())
    }
}

/// Whether Node is on the machine.
pub(crate) fn check_node() -> std::result::Result<(), Missing> {
    match Command::new("node").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Missing(format!("node --version: {}", output.status))),
        Err(error) => Err(Missing(format!("node does not start: {error}"))),
    }
}

/// Where a program of this name is once it is compiled: beside the bench itself, so that it goes
/// when the build goes.
pub(crate) fn beside_itself(name: &str) -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

/// Compiles a C program, which takes a compiler, libuv and its header.
pub(crate) fn compile(name: &str, source: &str) -> std::result::Result<PathBuf, Missing> {
    let failed = |error| Missing(format!("cc does not start: {error}"));
    let program = beside_itself(name).map_err(failed)?;
    // Another bench may do the same at this moment.
    let unfinished = program.with_extension(process::id().to_string());
    let output = run_compiler(source, &unfinished).map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.lines().find(|line| line.contains("error")).unwrap_or("cc fails");
        return Err(Missing(reason.trim().to_owned()));
    }
    fs::rename(unfinished, &program).map_err(|error| Missing(error.to_string()))?;
    Ok(program)
}

fn run_compiler(source: &str, program: &Path) -> io::Result<Output> {
    let mut cc = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-pthread", "-x", "c", "-", "-luv", "-o"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = cc.stdin.take() {
        stdin.write_all(source.as_bytes())?;
    }
    cc.wait_with_output()
}

#[cfg(test)]
mod tests {
    use super::Program;
    use crate::report::Missing;

    #[test]
    fn what_does_not_compile_is_missing() {
        let program = Program::libuv("never", "#include <no/such/header.h>\n");
        let error = program.run(&[]).unwrap_err();
        let Missing(why) = error.downcast_ref().expect("it cannot be measured");
        assert!(why.contains("error") || why.contains("cc does not start"), "{why}");
    }

    #[test]
    fn numbers_are_read_and_anything_else_is_an_error() {
        let echo = Program(Ok(vec!["echo".into()]));
        assert_eq!(echo.run(&["1.5", "2"]).unwrap(), [1.5, 2.0]);
        assert!(echo.run(&["words"]).unwrap_err().to_string().contains("words"));
    }
}
