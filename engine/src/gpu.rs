//! Graphics adapters: which there are, and opening one to compute on. When the device is lost later, nothing panics:
//! the first reason is kept, and [`Gpu::lost`] tells it.

use std::sync::{Arc, OnceLock};

use wgpu::DeviceType;

/// Which adapter to compute on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The best real GPU: a discrete one before an integrated one before a virtual one. Never a software adapter.
    #[default]
    Best,
    /// The best of those that have this in their name, in any case of its letters. The only way to a software adapter.
    Named(String),
}

/// What an adapter is and can do.
#[derive(Clone, Debug)]
pub struct AdapterListing {
    adapter: wgpu::Adapter,
    /// Name, kind, driver, subgroup sizes.
    pub info: wgpu::AdapterInfo,
    /// All that it has.
    pub limits: wgpu::Limits,
    /// All that it has.
    pub features: wgpu::Features,
}

/// An opened adapter, with all its limits, so that large work need not be split. Of its features `TIMESTAMP_QUERY`, where
/// it has that.
#[derive(Debug)]
pub struct Gpu {
    /// Makes buffers and pipelines.
    pub device: wgpu::Device,
    /// Takes work.
    pub queue: wgpu::Queue,
    /// What was opened.
    pub adapter: wgpu::AdapterInfo,
    lost: Arc<OnceLock<String>>,
}

/// Why there is no GPU to compute on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No real GPU.
    #[error("no GPU was found{}", advice(software))]
    NoGpu {
        /// The software adapters that there are.
        software: Vec<String>,
    },
    /// No adapter of this name.
    #[error("no graphics adapter has {asked:?} in its name; there are: {}", listed(offered))]
    NoSuchAdapter {
        /// The name asked for.
        asked: String,
        /// The names there are.
        offered: Vec<String>,
    },
    /// The driver refused.
    #[error(
        "the graphics adapter {name} cannot be opened: {cause}; update its driver, or choose the back end cpu"
    )]
    Refused {
        /// The adapter.
        name: String,
        /// The driver's reason.
        cause: String,
    },
}

fn advice(software: &[String]) -> String {
    match software.first() {
        None => "; choose the back end cpu, or install the GPU's Vulkan driver".to_owned(),
        Some(name) => {
            format!("; choose the back end cpu, or name the adapter {name:?}, which is software and slow")
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Better ones are less; `None` for those that must be asked for by name.
fn rank(kind: DeviceType) -> Option<u8> {
    match kind {
        DeviceType::DiscreteGpu => Some(0),
        DeviceType::IntegratedGpu => Some(1),
        DeviceType::VirtualGpu => Some(2),
        DeviceType::Cpu | DeviceType::Other => None,
    }
}

impl AdapterChoice {
    /// The place of the adapter chosen among `all`.
    ///
    /// # Errors
    /// If there is none.
    pub fn choose_among(&self, all: &[AdapterListing]) -> Result<usize, GpuError> {
        self.choose(&all.iter().map(|listing| listing.info.clone()).collect::<Vec<_>>())
    }

    fn choose(&self, infos: &[wgpu::AdapterInfo]) -> Result<usize, GpuError> {
        let names = |all: &dyn Fn(&wgpu::AdapterInfo) -> bool| -> Vec<String> {
            infos.iter().filter(|info| all(info)).map(|info| info.name.clone()).collect()
        };
        // One card may be there twice, through Vulkan and through the system's own interface: the first is taken.
        match self {
            Self::Best => (0..infos.len())
                .filter(|place| rank(infos[*place].device_type).is_some())
                .min_by_key(|place| rank(infos[*place].device_type))
                .ok_or_else(|| GpuError::NoGpu { software: names(&|info| rank(info.device_type).is_none()) }),
            Self::Named(asked) => {
                let part = asked.trim().to_lowercase();
                (0..infos.len())
                    .filter(|place| !part.is_empty() && infos[*place].name.to_lowercase().contains(&part))
                    .min_by_key(|place| rank(infos[*place].device_type).unwrap_or(u8::MAX))
                    .ok_or_else(|| GpuError::NoSuchAdapter {
                        asked: asked.clone(),
                        offered: names(&|_| true),
                    })
            }
        }
    }
}

/// Every adapter of this machine, software adapters too.
pub fn adapters() -> Vec<AdapterListing> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let listing = |adapter: wgpu::Adapter| AdapterListing {
        info: adapter.get_info(),
        limits: adapter.limits(),
        features: adapter.features(),
        adapter,
    };
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all())).into_iter().map(listing).collect()
}

impl AdapterListing {
    /// It computes on the processor, or does not say what it is: taken only by its name.
    pub fn is_software(&self) -> bool {
        rank(self.info.device_type).is_none()
    }
}

impl Gpu {
    /// Opens the adapter asked for.
    ///
    /// # Errors
    /// If there is none, or its driver refuses.
    pub fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        let adapters = adapters();
        Self::open_listed(&adapters[choice.choose_among(&adapters)?])
    }

    /// Opens this adapter.
    ///
    /// # Errors
    /// If its driver refuses.
    pub fn open_listed(listing: &AdapterListing) -> Result<Self, GpuError> {
        let (adapter, info) = (&listing.adapter, listing.info.clone());
        let wanted = wgpu::Features::TIMESTAMP_QUERY;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("beadscope"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| {
            let (name, cause) = (info.name.clone(), one_line(&error.to_string()));
            GpuError::Refused { name, cause }
        })?;
        let lost = Arc::new(OnceLock::new());
        let keep = lost.clone();
        device.set_device_lost_callback(move |reason, message| {
            let _ = keep.set(match reason {
                wgpu::DeviceLostReason::Destroyed => "it was closed while in use".to_owned(),
                wgpu::DeviceLostReason::Unknown => one_line(&message),
            });
        });
        // Without a handler of ours wgpu panics.
        let keep = lost.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let _ = keep.set(one_line(&error.to_string()));
        }));
        Ok(Self { device, queue, adapter: info, lost })
    }

    /// Why the adapter cannot be used any more: it was lost, or an error came that no error scope took. `None` while
    /// all is well. What it has computed since the device was polled last is not known to be right.
    pub fn lost(&self) -> Option<String> {
        self.lost.get().cloned()
    }
}

/// wgpu tells its errors over several lines.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, device_type: DeviceType) -> wgpu::AdapterInfo {
        wgpu::AdapterInfo {
            name: name.to_owned(),
            ..wgpu::AdapterInfo::new(device_type, wgpu::Backend::Vulkan)
        }
    }

    #[test]
    fn the_best_is_a_real_gpu_and_a_software_adapter_only_comes_by_name() {
        let all = [
            info("llvmpipe (LLVM 19)", DeviceType::Cpu),
            info("Intel Graphics", DeviceType::IntegratedGpu),
            info("NVIDIA H200", DeviceType::DiscreteGpu),
            info("NVIDIA H200", DeviceType::DiscreteGpu),
        ];
        let named = |name: &str| AdapterChoice::Named(name.to_owned());
        assert_eq!(AdapterChoice::Best.choose(&all), Ok(2));
        assert_eq!(AdapterChoice::Best.choose(&all[..2]), Ok(1));
        assert_eq!(named("LLVMpipe").choose(&all), Ok(0));
        assert_eq!(named("i").choose(&all), Ok(2), "of several the best real one");
        let error = AdapterChoice::Best.choose(&all[..1]).unwrap_err().to_string();
        assert!(error.contains("\"llvmpipe (LLVM 19)\""), "{error}");
        let error = named("radeon").choose(&all[..2]).unwrap_err().to_string();
        assert!(error.contains("\"radeon\"") && error.contains("Intel Graphics"), "{error}");
        assert!(named(" ").choose(&all).is_err(), "an empty name is in every name");
        assert!(AdapterChoice::Best.choose(&[]).unwrap_err().to_string().contains("Vulkan"));
    }

    /// Not skipped without an adapter: `scripts/setup test` installs llvmpipe.
    #[test]
    fn a_destroyed_device_is_lost_with_a_reason_and_without_a_panic() {
        let gpu = Gpu::open(&AdapterChoice::Named("llvmpipe".to_owned())).unwrap();
        assert_eq!(gpu.lost(), None);
        assert_eq!(gpu.adapter.device_type, DeviceType::Cpu);
        gpu.device.destroy();
        let _ = gpu.device.poll(wgpu::PollType::Poll);
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        };
        let _ = gpu.device.create_buffer(&descriptor);
        assert!(gpu.lost().is_some());
    }

    #[test]
    fn an_error_that_nobody_takes_is_kept_and_not_a_panic() {
        let gpu = Gpu::open(&AdapterChoice::Named("llvmpipe".to_owned())).unwrap();
        let source = wgpu::ShaderSource::Wgsl("nonsense".into());
        let _ = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let reason = gpu.lost().unwrap();
        assert!(!reason.contains('\n') && reason.contains("nonsense"), "{reason}");
    }
}
