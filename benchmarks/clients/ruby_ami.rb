# ruby_ami at the job of the benchmark: a block that gets every message; actions are sent beside its reading loop, as
# one that waits for its answer there would wait for itself.
require 'logger'
require 'ruby_ami'

Celluloid.logger = nil
quiet = Logger.new(IO::NULL)
quiet.define_singleton_method(:trace) { |*| }
stream = nil
take = lambda do |message|
  next unless message.is_a?(RubyAMI::Event)

  if message.name == 'FullyBooted'
    stream.async.send_action('UserEvent', 'UserEvent' => 'BenchReady')
  elsif message.name == 'BridgeEnter' && message['BridgeNumChannels'] == '2' && message['Context'] == 'default'
    redirect = { 'Channel' => message['Channel'], 'Context' => 'default', 'Exten' => '680', 'Priority' => 1 }
    stream.async.send_action('Redirect', redirect)
  end
end
stream = RubyAMI::Stream.new('127.0.0.1', Integer(ENV.fetch('AMI_PORT')), 'bench', 'none', take, quiet, 10)
stream.run
