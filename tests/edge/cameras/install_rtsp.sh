#!/usr/bin/env bash
# Debian's RTSP server and an OpenCV with GStreamer, both for the system's Python; does nothing
# where they are installed.
set -euo pipefail
/usr/bin/python3 - 2>/dev/null <<'PYTHON' && exit 0
import cv2
import gi

gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer

Gst.init(None)
assert GstRtspServer.RTSPServer
assert cv2.CAP_GSTREAMER in cv2.videoio_registry.getBackends()
assert all(map(Gst.ElementFactory.find, ("jpegenc", "rtpjpegpay", "videotestsrc", "multifilesrc")))
PYTHON
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-opencv >/dev/null
