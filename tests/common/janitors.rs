//! The janitor's threads, as Linux shows them.

use std::fs;
use std::path::PathBuf;

/// The directories in `/proc` of all threads of this process that have the janitor's name.
pub(crate) fn janitors() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").expect("procfs").map(|task| task.expect("a task").path());
    let named = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "ebbtide-janitor\n");
    tasks.filter(named).collect()
}
