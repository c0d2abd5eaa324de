// Centre of mass of what stands out of the background: the first guess. Twin: `center_of_mass.rs`.

/// Grey levels below this many times the noise do not count.
const DEAD_ZONE: f32 = 2.0;

@compute @workgroup_size(THREADS)
fn center_of_mass(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let index = bead_index(group);
    if index >= settings.n_beads {
        return;
    }
    let bead = beads[index];
    let side = settings.roi_px;
    let first = index * side * side;
    let middle = 0.5 * f32(side - 1u);
    let steepness = select(-0.5 / (settings.guess_px * settings.guess_px), 0.0, settings.guess_px == 0.0);
    var moments = vec4<f32>();
    for (var i = thread; i < side * side; i += THREADS) {
        let at = vec2<f32>(f32(i % side), f32(i / side)) - middle;
        let excess = max(abs(pixels[first + i]) - DEAD_ZONE * bead.noise, 0.0);
        let mass = excess * exp(steepness * dot(at, at));
        moments += vec4<f32>(mass, mass * at, 0.0);
    }
    moments = sum(thread, moments);
    if thread != 0u || (bead.known & CENTER) == 0u {
        return;
    }
    if moments.x > 0.0 {
        settle(index, moments.yz / moments.x + middle, 0u);
    } else {
        lose(index, LOW_CONTRAST);
    }
}
