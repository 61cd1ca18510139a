// asterisk-ami-client at the job of the benchmark: a listener for one event name; actions are not waited for.
const Client = require('asterisk-ami-client');

async function main() {
  const client = new Client();
  await client.connect('bench', 'none', { host: '127.0.0.1', port: Number(process.env.AMI_PORT) });
  client.on('BridgeEnter', (event) => {
    if (event.BridgeNumChannels !== '2' || event.Context !== 'default') return;
    client.action({ Action: 'Redirect', Channel: event.Channel, Context: 'default', Exten: '680', Priority: 1 });
  });
  client.action({ Action: 'UserEvent', UserEvent: 'BenchReady' });
}

main();
