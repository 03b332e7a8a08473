"""What operating systems do differently: files and disks, names, locks, signals, packages."""
