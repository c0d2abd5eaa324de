//! The camera of the script, as the camera thread sees it.

use super::*;

/// The camera of the script.
pub(super) struct Faulty {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Instant,
}

impl Faulty {
    pub(super) fn config() -> CameraConfig {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
        // The rate that the frames' own times tell.
        CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 1000.0, exposure_us: 10.0 }
    }
}

impl Camera for Faulty {
    fn configure(&mut self, _request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        Ok(Self::config())
    }

    fn start(&mut self) -> Result<(), CameraError> {
        let world = &mut *self.world.lock().unwrap();
        if world.is_away && world.random.below(4) == 0 {
            return Err(CameraError::Busy("another program was faster".to_owned()));
        }
        world.is_away = false;
        world.next_number = world.random.below(1000);
        world.sent.clear();
        world.missing.clear();
        // No jump is seen at the first frame, since there is nothing to compare it with.
        world.frames_since_jump = 0;
        world.now_ms += 50;
        Ok(())
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        slot.fill(7);
        let world = &mut *self.world.lock().unwrap();
        if world.is_away {
            return Err(CameraError::Timeout(timeout));
        }
        loop {
            if world.events_left == 0 {
                return Err(CameraError::Ended);
            }
            world.events_left -= 1;
            let event = world.event();
            if let Some(answer) = world.act(event, self.clock) {
                return answer;
            }
        }
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        Ok(())
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        let world = &mut *self.world.lock().unwrap();
        if world.random.below(3) == 0 {
            return Err(CameraError::Unplugged("not yet".to_owned()));
        }
        Ok(Self::config())
    }
}
