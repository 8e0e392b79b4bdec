import { md5 } from '../../md5.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { EndpointPort } from './endpoint.ts'

/**
 * Ports of one EndpointSlice or subset stand in the order of the MD5 sums of what Go's spew writes of them, whatever the
 * order in the Service is: kube-dns has "9153,53,53" (endpointslice/util/controller_utils.go NewPortMapKey, which sorts what
 * it is given; pkg/api/v1/endpoints/util.go SortSubsets; v1.33). The two structs differ in order and pointers.
 */
type Written = (port: EndpointPort) => string

const nullable = (text: string | undefined): string => `(*string)${text ?? '<nil>'}`
const inSlice: Written = ({ name, protocol, port, appProtocol }) => `(v1.EndpointPort){Name:${nullable(name ?? '')} Protocol:(*v1.Protocol)${protocol ?? 'TCP'} Port:(*int32)${port} AppProtocol:${nullable(appProtocol)}}`
const inSubset: Written = ({ name, protocol, port, appProtocol }) => `(v1.EndpointPort){Name:(string)${name ?? ''} Port:(int32)${port} Protocol:(v1.Protocol)${protocol ?? 'TCP'} AppProtocol:${nullable(appProtocol)}}`

function ordered(ports: readonly EndpointPort[], write: Written): EndpointPort[] {
  if (ports.length < 2) return [...ports]
  return ports.map((port) => ({ port, sum: hex(md5(encodeUtf8(write(port)))) })).sort((a, b) => (a.sum < b.sum ? -1 : 1)).map(({ port }) => port)
}

export function slicePorts(ports: readonly EndpointPort[]): EndpointPort[] {
  return ordered(ports, inSlice)
}

export function subsetPorts(ports: readonly EndpointPort[]): EndpointPort[] {
  return ordered(ports, inSubset)
}

/** The same for the same ports in any order. */
export function portsKey(ports: readonly EndpointPort[]): string {
  return ports.length < 2 ? JSON.stringify(ports) : ports.map((port) => JSON.stringify(port)).sort().join()
}
