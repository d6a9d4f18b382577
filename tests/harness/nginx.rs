//! nginx, where a real server is wanted.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::folder::Folder;
use crate::process;

/// A running nginx; it ends with this value.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    folder: Folder,
}

impl Nginx {
    /// Starts it with these directives within `http`; it listens when they say so.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn start(http: &str) -> Self {
        let folder = Folder::new("nginx");
        let config = folder.path().join("nginx.conf");
        fs::write(&config, whole(folder.path(), http)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command(folder.path(), &config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("nginx: {error}: is the Debian package installed?"));
        Self { child, folder }
    }

    /// What it has complained of.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        process::kill_with_children(&mut self.child);
    }
}

/// nginx with `config`, its files in `folder`.
pub(crate) fn command(folder: &Path, config: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(config).arg("-e").arg(folder.join("error.log"));
    command
}

/// A configuration with these directives within `http`.
pub(crate) fn whole(folder: &Path, http: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
         worker_processes 2;
         pid {folder}/pid;
         error_log {folder}/error.log;
         events {{ worker_connections 8192; }}
         http {{
           access_log off;
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
           fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
           {http}
         }}\n"
    )
}
