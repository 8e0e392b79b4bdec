/** What the rooms above use of the engine beside a cluster itself; cluster.ts passes all of it on. */
export { EPOCH, Clock } from './clock.ts'
export { concatBytes, decodeUtf8, encodeUtf8, Utf8Decoder } from './text.ts'

export { anyOf, Signal, sleep, Thread, type Outcome, type Suspension, type Task, type Wake } from './machine/task.ts'
export { capable } from './machine/capabilities.ts'
export { isSystemError, SystemError, type ErrorCode } from './machine/errors.ts'
export { CallbackFile, NullFile } from './machine/files.ts'
export { KERNEL } from './machine/kernel.ts'
export type * from './machine/types.ts'

export {
  broadcastOf, canonicalIp, cidrContains, compareIp, formatIpv4, ipv4Number, isIpv4, isIpv6, isLoopbackIp, isMulticastIp, isValidIp,
  maskOf, networkOf, parseIpv4, tryParseCidr,
} from './network/address.ts'
export { isDeprecated } from './network/source-address.ts'
export { formatBridgeFdb, formatDestination, formatNeighbour, formatRoute, formatSocket, formatVxlanFdb, socketInode } from './network/format.ts'
export { privateKeyOf, publicKeyOf } from './network/curve25519.ts'
export { formatRule } from './network/rules.ts'
export type * from './network/types.ts'
export { invocationOf, ipsetCommand } from './network/ipset/index.ts'
export { NotSimulated as NftNotSimulated, type NftOptions } from './network/nftables/nftables.ts'
export { ipvsadmCommand, readsRules } from './network/ipvs/index.ts'
export type * from './journey/types.ts'
export { endpoint } from './journey/header.ts'
export { possibleDestinations } from './journey/possible.ts'
export { CHECKER, isBackground } from './journey/whose.ts'

export * from './network/wire/dns.ts'

export { SERVICES, type ContainerView, type JournalEntry, type NodeView, type SandboxView, type Service as NodeService, type ServiceName } from './node/index.ts'
export { criLog } from './node/files.ts'
export { networkInode } from './machine/namespaces.ts'
export { PullError } from './kubernetes/kubelet/image-manager.ts'

export { reverseName as reverseNameOf } from './dns/names.ts'
export { parseResolvConf, type ResolvConf } from './dns/resolv-conf.ts'
export { candidates, libcOf, resolvConfOf, resolveHost, type Resolved, type ResolveFailure, type ResolveOptions } from './dns/resolver.ts'

export {
  headerOf, HttpSyntaxError, keepsAlive, RequestParser, ResponseParser, writeRequest, writeResponse, type Headers, type RequestHead, type ResponseHead,
} from './programs/http/message.ts'
export { CURL_SETTINGS, Http2Client } from './programs/http2/client.ts'
export { acceptKey, encodeFrame as encodeWebSocketFrame, FrameReader as WebSocketReader } from './programs/http/websocket.ts'
export { streamProblem, streamStatus } from './kubernetes/http/exec-status.ts'
export { encodeBase64 as base64Of } from './kubernetes/base64.ts'
export { TlsClient, TlsServer, type TlsClientOptions, type TlsFailure, type TlsInfo, type TlsTrace } from './programs/tls/socket.ts'
export { ALERTS, CIPHERS, MESSAGE, RECORD } from './programs/tls/wire.ts'
export { matchingName, nameText, OID, pemBlocks, readCertificate, readCertificates, toPem, verifyChain, type Certificate, type NamePart, type VerifyProblem } from './programs/tls/x509.ts'
export { encodeKey, makeCertificate, makeKey, readKey, type RsaKey } from './programs/tls/make.ts'
export { DerError, readDer, toBigInt } from './programs/tls/der.ts'

export { TOOLS as IMAGE_TOOLS, type DeclaredImage } from './programs/declared/types.ts'
export { isKnownRepository } from './programs/images/catalog.ts'
export { parseReference } from './programs/images/reference.ts'
export { ownerOf, pause, programName, TcpStream, type SocketError } from './programs/stream.ts'

export { FaultError, type ActiveFault, type FaultInfo, type Faults } from './faults/index.ts'
export { clusterChoices, parseClusterConfig, ClusterConfigError, type ClusterChoices, type ClusterConfig, type NodeConfig } from './config.ts'
export { ConnectionError, StatusError } from './kubernetes/client.ts'
export type * from './kubernetes/client.ts'
export type { Deployment, EndpointSlice, KubeObject, Node, Pod, ReplicaSet, Service, Status, Table } from './kubernetes/types.ts'
export { BytesFile } from './machine/files.ts'
export { createTerminal } from './machine/terminal.ts'

export { copyFrame, frameLength, ipLength, ported } from './network/packets.ts'
export { WireError } from './network/wire/bytes.ts'
export { encodeFrame } from './network/wire/frame.ts'
export { cookedOf, isGroup, linkTypeOf, type Cooked, type LinkType } from './network/wire/link-layer.ts'
export { decodeCapture, decodePcap, encodePcap, encodePcapFrame, encodePcapHeader, type CaptureFile, type PcapFrame } from './network/wire/pcap.ts'
export { decodePcapng, encodePcapng, isPcapng, type CaptureInterface, type CapturePacket, type CaptureSection } from './network/wire/pcapng.ts'
export { FrameSummary, type SummaryOptions } from './network/wire/summary.ts'

export { checkStream, type Impersonation } from './kubernetes/rbac/as-user.ts'
export { answerRequest, onlyLooks, type ApiContext, type ApiRequest, type ApiSink } from './kubernetes/http/handler.ts'
export { MAX_BODY } from './kubernetes/http/body.ts'
export { Query } from './kubernetes/http/query.ts'
export { requestInfo, type RequestInfo, type ResourceRequest } from './kubernetes/http/request-info.ts'
export { InboxFile } from './machine/inbox.ts'
export { kubeconfig } from './node/kubeconfig.ts'
export { checkAssigned, checkExecTarget } from './kubernetes/node-agents.ts'

export { replacesKubeProxy } from './cni/options.ts'
export { sctpEnabled } from './cni/cilium/sctp.ts'
export { policyEnforcement } from './policy/enforcement.ts'
export { policyMatrix, type MatrixCell, type PolicyMatrix } from './policy/matrix.ts'
export { notInForce, notInForceBetween, type NotInForce } from './policy/not-in-force.ts'
export { PolicyIndex } from './policy/policy-index.ts'
export type { PolicyProtocol } from './policy/types.ts'
