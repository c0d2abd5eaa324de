//! One load on its way: memory that the processor writes, memory that it reads.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::GpuTrackError;
use crate::gpu::Gpu;

/// Where views of mapped memory may begin.
pub const PART_STEP: usize = wgpu::MAP_ALIGNMENT as usize;

/// Buffers of a load, mapped while the processor works on them.
pub struct Flight {
    staging: wgpu::Buffer,
    readback: wgpu::Buffer,
    submission: Option<wgpu::SubmissionIndex>,
    /// Of each buffer, once after a submission: whether it came back mapped.
    tell: SyncSender<bool>,
    told: Receiver<bool>,
}

impl Flight {
    /// Room for `up` bytes to the device and `down` bytes back.
    pub fn new(gpu: &Gpu, up: u64, down: u64) -> Self {
        let buffer = |label, size, usage, mapped_at_creation| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation,
            })
        };
        let (tell, told) = sync_channel(2);
        let (to, from) = (wgpu::BufferUsages::MAP_WRITE, wgpu::BufferUsages::MAP_READ);
        Self {
            staging: buffer("staging", up, to | wgpu::BufferUsages::COPY_SRC, true),
            readback: buffer("read-back", down, from | wgpu::BufferUsages::COPY_DST, false),
            submission: None,
            tell,
            told,
        }
    }

    /// Whether it has room for as much.
    pub fn holds(&self, up: u64, down: u64) -> bool {
        self.staging.size() >= up && self.readback.size() >= down
    }

    /// Some bytes of what goes to the device, from a multiple of [`PART_STEP`] on. Only between [`land`](Self::land), or
    /// [`new`](Self::new), and [`depart`](Self::depart); it must be gone by then.
    pub fn cargo(&self, bytes: Range<u64>) -> Result<wgpu::BufferViewMut, GpuTrackError> {
        self.staging.get_mapped_range_mut(bytes).map_err(|error| GpuTrackError::Device(error.to_string()))
    }

    /// Submits the work that `encode` writes down between the two buffers.
    pub fn depart(
        &mut self,
        gpu: &Gpu,
        encode: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer, &wgpu::Buffer),
    ) {
        self.staging.unmap();
        let mut encoder =
            gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("load") });
        encode(&mut encoder, &self.staging, &self.readback);
        self.submission = Some(gpu.queue.submit([encoder.finish()]));
        for (buffer, mode) in [(&self.staging, wgpu::MapMode::Write), (&self.readback, wgpu::MapMode::Read)] {
            let tell = self.tell.clone();
            buffer.map_async(mode, .., move |result| {
                // Whoever asked may be gone.
                let _ = tell.try_send(result.is_ok());
            });
        }
    }

    /// Waits until the device is done and hands `read` the first `bytes` of what came back.
    pub fn land(&mut self, gpu: &Gpu, bytes: u64, read: impl FnOnce(&[u8])) -> Result<(), GpuTrackError> {
        let patience = super::patience(gpu);
        super::wait(gpu, self.submission.take(), patience)?;
        // Where another thread waits for the same device, it may be the one that tells, a little later.
        if ![(); 2].iter().all(|()| self.told.recv_timeout(patience) == Ok(true)) {
            return Err(GpuTrackError::Device("memory could not be mapped".to_owned()));
        }
        let view = self
            .readback
            .get_mapped_range(..bytes)
            .map_err(|error| GpuTrackError::Device(error.to_string()))?;
        read(&view);
        drop(view);
        self.readback.unmap();
        Ok(())
    }
}
