import { encodeBase64 } from '../../../kubernetes/base64.ts'
import { encodeKey, encodePublicKey, makeCertificate, makeKey, type RsaKey } from '../../../programs/tls/make.ts'
import { issueCertificate } from '../../../programs/tls/signing-request.ts'
import { toPem, type Certificate } from '../../../programs/tls/x509.ts'
import { BORN } from '../../../programs/kube-apiserver/certificate.ts'
import { Random } from '../../../random.ts'
import { encodeUtf8 } from '../../../text.ts'
import { CLUSTER_NAME } from '../identity.ts'

/** What Helm makes with hubble.relay.enabled (install/kubernetes/cilium/templates/{hubble,hubble-relay} of v1.17): certificates, hubble-peer, hubble-relay. */
const RELAY_IMAGE = 'quay.io/cilium/hubble-relay:v1.17.4'
const NAMESPACE = 'kube-system'
const PART = { 'app.kubernetes.io/part-of': 'cilium' }
const LABELS = { 'k8s-app': 'hubble-relay', 'app.kubernetes.io/name': 'hubble-relay', ...PART }
const YEARS_3 = 1_095 * 86_400_000
/** id-kp-serverAuth and clientAuth. */
const PURPOSES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

const meta = (name: string, labels: object = PART): object => ({ name, namespace: NAMESPACE, labels })

/** Resource → name of what goes with Hubble. */
export const HUBBLE_OBJECTS = [
  ['services', 'hubble-relay'], ['deployments', 'hubble-relay'], ['configmaps', 'hubble-relay-config'], ['serviceaccounts', 'hubble-relay'], ['secrets', 'hubble-relay-client-certs'],
  ['services', 'hubble-peer'], ['secrets', 'hubble-server-certs'],
] as const

/** What is there with Hubble alone: its servers' certificates and their authority. */
export function hubbleManifests(): object[] {
  return secrets().slice(0, 2)
}

/** What there is with hubble-relay besides. */
export function relayManifests(): object[] {
  return [
    secrets()[2]!,
    {
      apiVersion: 'v1', kind: 'Service', metadata: meta('hubble-peer', { 'k8s-app': 'cilium', 'app.kubernetes.io/name': 'hubble-peer', ...PART }),
      spec: { selector: { 'k8s-app': 'cilium' }, internalTrafficPolicy: 'Local', ports: [{ name: 'peer-service', port: 443, protocol: 'TCP', targetPort: 4244 }] },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta('hubble-relay'), automountServiceAccountToken: false },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('hubble-relay-config'), data: { 'config.yaml': CONFIG } },
    { apiVersion: 'v1', kind: 'Service', metadata: meta('hubble-relay', LABELS), spec: { type: 'ClusterIP', selector: { 'k8s-app': 'hubble-relay' }, ports: [{ protocol: 'TCP', port: 80, targetPort: 'grpc' }] } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta('hubble-relay', LABELS), spec: { replicas: 1, selector: { matchLabels: { 'k8s-app': 'hubble-relay' } }, strategy: { rollingUpdate: { maxUnavailable: 1 }, type: 'RollingUpdate' }, template: { metadata: { labels: LABELS }, spec: POD } } },
  ]
}

const CONFIG = `cluster-name: ${CLUSTER_NAME}
peer-service: "hubble-peer.kube-system.svc.cluster.local.:443"
listen-address: :4245
gops: true
gops-port: "9893"
retry-timeout: 
sort-buffer-len-max: 
sort-buffer-drain-timeout: 
tls-hubble-client-cert-file: /var/lib/hubble-relay/tls/client.crt
tls-hubble-client-key-file: /var/lib/hubble-relay/tls/client.key
tls-hubble-server-ca-files: /var/lib/hubble-relay/tls/hubble-server-ca.crt

disable-server-tls: true
`

const POD = {
  securityContext: { fsGroup: 65_532 },
  containers: [{
    name: 'hubble-relay', image: RELAY_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['hubble-relay'], args: ['serve'],
    securityContext: { capabilities: { drop: ['ALL'] }, runAsGroup: 65_532, runAsNonRoot: true, runAsUser: 65_532 },
    ports: [{ name: 'grpc', containerPort: 4245 }],
    readinessProbe: { grpc: { port: 4222 }, timeoutSeconds: 3 },
    livenessProbe: { grpc: { port: 4222 }, timeoutSeconds: 10, initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 12 },
    startupProbe: { grpc: { port: 4222 }, initialDelaySeconds: 10, timeoutSeconds: 3, failureThreshold: 20, periodSeconds: 3 },
    volumeMounts: [{ name: 'config', mountPath: '/etc/hubble-relay', readOnly: true }, { name: 'tls', mountPath: '/var/lib/hubble-relay/tls', readOnly: true }],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }],
  restartPolicy: 'Always', serviceAccountName: 'hubble-relay', automountServiceAccountToken: false, terminationGracePeriodSeconds: 1,
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  volumes: [
    { name: 'config', configMap: { name: 'hubble-relay-config', items: [{ key: 'config.yaml', path: 'config.yaml' }] } },
    { name: 'tls', projected: { defaultMode: 0o400, sources: [{ secret: { name: 'hubble-relay-client-certs', items: [{ key: 'tls.crt', path: 'client.crt' }, { key: 'tls.key', path: 'client.key' }, { key: 'ca.crt', path: 'hubble-server-ca.crt' }] } }] } },
  ],
}

let made: object[] | undefined

/** The same in every simulated cluster, for nobody keeps the keys secret. */
function secrets(): object[] {
  return (made ??= certificates(new Random(0).fork('cilium ca')).map(({ name, data, type }) => ({ apiVersion: 'v1', kind: 'Secret', metadata: meta(name), type, data })))
}

function certificates(random: Random): { name: string; type: string; data: Record<string, string> }[] {
  const pem = (label: string, bytes: Uint8Array): string => encodeBase64(encodeUtf8(toPem(label, bytes)))
  const pair = (certificate: Certificate, key: RsaKey): [string, string] => [pem('CERTIFICATE', certificate.der), pem('RSA PRIVATE KEY', encodeKey(key))]
  const key = makeKey(random)
  const authority = makeCertificate({ subject: [['CN', 'Cilium CA']], key, notBefore: BORN, days: 1_095, isCa: true, random })
  const leaf = (name: string): [string, string] => {
    const own = makeKey(random)
    return pair(issueCertificate({
      request: { subject: [['CN', name]], publicKey: encodePublicKey(own), dnsNames: [name], ipAddresses: [] }, issuer: { certificate: authority, key }, notBefore: BORN, notAfter: BORN + YEARS_3,
      keyUsage: 0xa0, extendedKeyUsage: PURPOSES, random,
    }), own)
  }
  const [ca, caKey] = pair(authority, key)
  return [
    { name: 'cilium-ca', type: 'Opaque', data: { 'ca.crt': ca, 'ca.key': caKey } },
    ...([['hubble-server-certs', `*.${CLUSTER_NAME}.hubble-grpc.cilium.io`], ['hubble-relay-client-certs', '*.hubble-relay.cilium.io']] as const).map(([name, host]) => {
      const [certificate, own] = leaf(host)
      return { name, type: 'kubernetes.io/tls', data: { 'ca.crt': ca, 'tls.crt': certificate, 'tls.key': own } }
    }),
  ]
}
