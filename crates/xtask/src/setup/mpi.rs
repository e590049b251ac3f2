//! An MPI library, the launcher of its processes, and libclang, which reads its headers.

use super::search::{entries, file_name, library_folders, program};
use std::path::{Path, PathBuf};

/// Which MPI there is, or what is missing.
pub(super) fn find() -> Result<String, &'static str> {
    // The bindings' build script asks the compiler named by MPICC, else mpicc.
    let named = std::env::var_os("MPICC").map(PathBuf::from);
    let compiler = named
        .or_else(|| program("mpicc"))
        .ok_or("an MPI library (mpicc)")?;
    let launcher = program("mpirun").ok_or("MPI's launcher (mpirun)")?;
    let clang = clang().ok_or("libclang, to read MPI's headers")?;
    Ok(format!(
        "MPI compiler {}, launcher {}, {}",
        compiler.display(),
        launcher.display(),
        clang.display()
    ))
}

/// The library of libclang: where its own variable says, in a library folder, or in LLVM's.
fn clang() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        return if named.is_file() {
            Some(named)
        } else {
            library(&named)
        };
    }
    // Debian's LLVM lies in /usr/lib/llvm-14/lib, Apple's in its developer tools.
    let tools = Path::new("/Library/Developer/CommandLineTools/usr/lib");
    let llvm = entries(Path::new("/usr/lib")).into_iter();
    let llvm = llvm.filter(|path| file_name(path).starts_with("llvm"));
    let folders = llvm
        .map(|path| path.join("lib"))
        .chain([tools.to_owned()])
        .chain(library_folders());
    let mut found = folders.filter_map(|folder| library(&folder));
    found.next()
}

fn library(folder: &Path) -> Option<PathBuf> {
    let mut files = entries(folder).into_iter();
    files.find(|path| is_clang(&file_name(path)))
}

/// `libclang.so`, `libclang-14.so.14.0.6`, `libclang.dylib`, but not LLVM's `libclang-cpp`.
fn is_clang(name: &str) -> bool {
    let rest = name.strip_prefix("libclang");
    rest.is_some_and(|rest| {
        let version = rest.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
        version.starts_with(".so") || version == ".dylib"
    })
}

#[cfg(test)]
mod tests {
    use super::is_clang;

    #[test]
    fn the_c_library_is_told_from_others_of_llvm() {
        for name in ["libclang.so", "libclang-14.so.1", "libclang.dylib"] {
            assert!(is_clang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangAST.a", "libLLVM.so"] {
            assert!(!is_clang(name), "{name}");
        }
    }
}
