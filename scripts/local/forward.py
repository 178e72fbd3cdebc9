"""Lets containers reach a server that listens on 127.0.0.1 only.

On Linux a container sees the host at the bridge's address (172.17.0.1): listen there, for the bridge's own
addresses only, and pass bytes on. Docker Desktop, Colima and the like run containers in a virtual machine that
has no such address here, and map host.docker.internal to our 127.0.0.1 themselves: nothing to do.
"""

import contextlib
import errno
import ipaddress
import json
import socket
import socketserver
import subprocess
import threading
from typing import Any

from local.console import Failure


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, network: ipaddress.IPv4Network, target: tuple[str, int]) -> None:
        self.network, self.target = network, target
        super().__init__((address, 0), _Pipe)

    def verify_request(self, _request: Any, client_address: Any) -> bool:
        """Only the bridge's own containers."""
        # Being bound to the bridge's address is not enough: a neighbour can route that address to this machine.
        return ipaddress.ip_address(client_address[0]) in self.network


class _Pipe(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Connect the two ends, and copy both ways."""
        try:
            upstream = socket.create_connection(self.server.target, 5)
        except OSError:
            return  # the container sees a closed connection, as it would from a dead server
        upstream.settimeout(None)
        for end in (upstream, self.request):  # or each small request waits 40 ms for a delayed ACK
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with upstream:
            back = threading.Thread(target=_copy, args=(upstream, self.request), daemon=True)
            back.start()
            _copy(self.request, upstream)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Until one end closes, which the other is then told."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def endpoint_for_containers(port: int) -> str:
    """The URL at which containers find this machine's 127.0.0.1:port, for as long as this process lives.

    Raises:
        Failure: Docker has no bridge network.
    """
    gateway, network = _bridge()
    try:
        server = _Server(gateway, network, ("127.0.0.1", port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return f"http://host.docker.internal:{port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{gateway}:{server.server_address[1]}"


def _bridge() -> tuple[str, ipaddress.IPv4Network]:
    """The host's address on Docker's default network, and that network."""
    command = ["docker", "network", "inspect", "bridge"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise Failure(f"Docker has no default bridge network: {shown.stderr.strip()}")
    config = next(found for found in json.loads(shown.stdout)[0]["IPAM"]["Config"] if ":" not in found["Subnet"])
    network = ipaddress.IPv4Network(config["Subnet"])
    return config.get("Gateway") or str(network[1]), network  # Docker 20 leaves it out when it is the first address
