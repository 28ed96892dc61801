# Scores mails with Debian's SpamAssassin and the rules that its package carries, without the network.
# Arguments: a folder for its own files, then mails. Prints one line for each: path, score, RULE=score,...
use strict;
use warnings;
use Mail::SpamAssassin;

my ($home, @paths) = @ARGV;
my $judge = Mail::SpamAssassin->new({
    rules_filename => '/usr/share/spamassassin', userprefs_filename => '/dev/null', userstate_dir => $home,
    home_dir_for_helpers => $home, dont_copy_prefs => 1, local_tests_only => 1, require_rules => 1,
    post_config_text => "use_bayes 0\nuse_auto_welcomelist 0\n",
});
for my $path (@paths) {
    open(my $file, '<:raw', $path) or die "$path: $!";
    my $mail = $judge->parse(do { local $/; <$file> });
    my $status = $judge->check($mail);
    my $scores = $judge->{conf}->{scores};
    my $hits = join(',', map { "$_=" . ($scores->{$_} // 1) } sort split(/,/, $status->get_names_of_tests_hit()));
    print join("\t", $path, $status->get_score(), $hits), "\n";
    $status->finish();
    $mail->finish();
}
