//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Takes as many as the system gives without being asked by an administrator: a thousand, as shells begin with, are
/// few for connections and for files in the making. To be called once, before anything is opened.
pub fn take_all_there_are() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Systems that count otherwise refuse; what there was remains.
    let _refused = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: Some(512), ..before }).unwrap();
        take_all_there_are();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
