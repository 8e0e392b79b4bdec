export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
/** What gRPC says of a containerd that does not run: its socket went with it. */
export const CONTAINERD_GONE = `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix ${CONTAINERD_SOCKET}: connect: no such file or directory"`
