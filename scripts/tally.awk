# Reads `cargo test -- --show-output`, passes it on without the output of tests that passed, and writes the sums of all
# test programs into the file `sums`. A passed test that printed "skipped: ..." is counted as skipped.

/^successes:$/ { quiet = 1; next }
/^failures:$/ { quiet = 0 }
/^test result:/ {
    quiet = 0
    for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^passed/) passed += $i
        if ($(i + 1) ~ /^failed/) failed += $i
        if ($(i + 1) ~ /^ignored/) skipped += $i
    }
}
!quiet { print; fflush(); next }
/^---- .* stdout ----$/ { test = $2; told = 0 }
/^skipped:/ {
    print test ": " $0
    if (!told++) { passed--; skipped++ }
}
END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped >sums }
