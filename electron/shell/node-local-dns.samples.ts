/** NodeLocal DNSCache as its tutorial installs it in iptables mode: which objects, flags and Corefile (cluster/addons/dns/nodelocaldns of Kubernetes). */
const block = (zone: string, cache: string, forward: string, more = ''): string => `    ${zone}:53 {
        errors
        cache ${cache}
        reload
        loop
        bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
        forward . ${forward}
        prometheus :9253
${more}        }
`
const CLUSTER = '__PILLAR__CLUSTER__DNS__ {\n                force_tcp\n        }'

export const NODE_LOCAL_DNS = `apiVersion: v1
kind: Service
metadata: {name: kube-dns-upstream, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  ports: [{name: dns, port: 53, protocol: UDP, targetPort: 53}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: 53}]
  selector: {k8s-app: kube-dns}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: node-local-dns, namespace: kube-system}
data:
  Corefile: |
${block('__PILLAR__DNS__DOMAIN__', '{\n                success 9984 30\n                denial 9984 5\n        }', CLUSTER, '        health __PILLAR__LOCAL__DNS__:8080\n')}${block('in-addr.arpa', '30', CLUSTER)}${block('.', '30', '__PILLAR__UPSTREAM__SERVERS__')}---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec:
      priorityClassName: system-node-critical
      hostNetwork: true
      dnsPolicy: Default
      tolerations: [{effect: NoExecute, operator: Exists}, {effect: NoSchedule, operator: Exists}]
      containers:
      - name: node-cache
        image: registry.k8s.io/dns/k8s-dns-node-cache:1.26.4
        args: [-localip, "__PILLAR__LOCAL__DNS__,__PILLAR__DNS__SERVER__", -conf, /etc/Corefile, -upstreamsvc, kube-dns-upstream, -pidfile, /tmp/node-cache.pid]
        securityContext: {capabilities: {add: [NET_ADMIN]}}
        livenessProbe: {httpGet: {host: __PILLAR__LOCAL__DNS__, path: /health, port: 8080}, initialDelaySeconds: 60, timeoutSeconds: 5}
        volumeMounts: [{name: config-volume, mountPath: /etc/coredns}, {name: kube-dns-config, mountPath: /etc/kube-dns}]
      volumes:
      - {name: kube-dns-config, configMap: {name: kube-dns, optional: true}}
      - {name: config-volume, configMap: {name: node-local-dns, items: [{key: Corefile, path: Corefile.base}]}}
`
