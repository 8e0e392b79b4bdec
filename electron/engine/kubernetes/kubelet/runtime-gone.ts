/** What gRPC says of a containerd that does not run: its socket went with it. */
export const CONTAINERD_GONE = 'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory"'
