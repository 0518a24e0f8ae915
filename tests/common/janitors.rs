//! The crate's threads, as Linux shows them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::PathBuf;

/// The directories in `/proc` of all threads of this process that have the janitor's name.
pub(crate) fn janitors() -> Vec<PathBuf> {
    threads_named("ebbtide-janitor")
}

pub(crate) fn threads_named(name: &str) -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").expect("procfs").map(|task| task.expect("a task").path());
    let named = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name);
    tasks.filter(named).collect()
}
