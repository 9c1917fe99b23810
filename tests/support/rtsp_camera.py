"""An RTSP camera by GStreamer's own server: pictures of a folder, each for a second.

Run by the system's Python, which has GStreamer's bindings:
/usr/bin/python3 rtsp_camera.py PORT FOLDER
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    "( multifilesrc location={folder}/%d.jpg caps=image/jpeg,framerate=1/1 loop=true ! jpegdec ! "
    "videoconvert ! videorate ! video/x-raw,framerate=10/1 ! jpegenc quality=90 ! "
    "rtpjpegpay name=pay0 )"
)


def main(port: str, folder: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(folder=folder))
    factory.set_shared(True)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit(f"port {port} cannot be had")
    print("ready", flush=True)  # noqa: T201
    GLib.MainLoop().run()


main(*sys.argv[1:])
