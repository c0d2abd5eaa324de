// Inverses of small symmetric matrices. Twin: `matrix.rs`.

/// Inverse of a symmetric matrix, given by its diagonal and what is beside it (01, 02, 12). All 0 if it has none.
fn inverse_of(diagonal: vec3<f32>, beside: vec3<f32>) -> mat3x3<f32> {
    // Scaled to ones on the diagonal, so that f32 is enough for unknowns of all units.
    if !all(diagonal > vec3<f32>()) {
        return mat3x3<f32>();
    }
    let scale = 1.0 / sqrt(diagonal);
    let a = beside.x * scale.x * scale.y;
    let b = beside.y * scale.x * scale.z;
    let c = beside.z * scale.y * scale.z;
    let determinant = 1.0 + 2.0 * a * b * c - a * a - b * b - c * c;
    if determinant <= 1e-6 {
        return mat3x3<f32>();
    }
    let s = scale / determinant;
    let off = vec3<f32>(b * c - a, a * c - b, a * b - c);
    return mat3x3<f32>(
        s.x * scale * vec3<f32>(1.0 - c * c, off.x, off.y),
        s.y * scale * vec3<f32>(off.x, 1.0 - b * b, off.z),
        s.z * scale * vec3<f32>(off.y, off.z, 1.0 - a * a),
    );
}
