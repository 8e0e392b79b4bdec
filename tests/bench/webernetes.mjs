// A Deployment of 500 Pods in @ngrok/webernetes, for the ratio. It is made for bundlers: run.mjs bundles it.
import { BaseImage, Cluster } from '@ngrok/webernetes'

class Server extends BaseImage {
  static imageName = 'server'
  static imageVersion = '1.0'
  defaultCommand = ['server']
  async exec(context) {
    context.listenHttp(80, async () => ({ statusCode: 200, body: 'hello\n' }))
    return await context.waitUntilKilled()
  }
}

const replicas = 500
const cluster = new Cluster()
cluster.registerImage(Server)
await cluster.init()
const start = performance.now()
const labels = { app: 'web' }
await cluster.apply([{
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
  spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'server', image: 'server:1.0' }] } } },
}])
const ready = async () => (await cluster.api.appsv1.readNamespacedDeployment({ namespace: 'default', name: 'web' })).status?.readyReplicas ?? 0
while ((await ready()) < replicas) await new Promise((resolve) => setTimeout(resolve, 50))
process.stdout.write(JSON.stringify([{ name: 'the same in @ngrok/webernetes 0.3.5', value: performance.now() - start, unit: 'ms' }]))
process.exit(0)
