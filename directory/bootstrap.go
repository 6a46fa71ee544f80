package directory

// Bootstrap writes what every installation begins with: the two built-in apps,
// the names that init records and the identifier that Samba servers see. Exists: it was done before.
func (w *Writer) Bootstrap(domain, publicURL string) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	if _, done, err := w.Setting(SettingDomain); err != nil || done {
		if done {
			err = &Error{Kind: Exists, Msg: "this directory is initialised already"}
		}
		return err
	}
	sid, err := newSambaSID(w.d.config.Rand)
	if err != nil {
		return err
	}
	for key, value := range map[string]string{SettingDomain: domain, SettingPublicURL: publicURL, SettingSambaSID: sid} {
		if err := w.SetSetting(key, value); err != nil {
			return err
		}
	}
	for _, a := range []App{
		{Slug: AppDirectory, Name: "Directory", Builtin: true},
		{Slug: AppNetwork, Name: "Network", Builtin: true},
	} {
		if _, err := w.CreateApp(a); err != nil {
			return err
		}
	}
	return nil
}
